#include "codegen/templates/lanes/CacheFragments.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kSide = 16;
constexpr int64_t kBias = 1024 + 128; // 0x6400 | byte is 1024 + byte; bytes are codes + 128

/// Codes of one signed byte with one f16 scale: q8_0.
bool isInt8(const QuantFormat &format) {
  return format.codeBits == 8 && format.signedCodes && !format.splitRows && format.zero == 0 &&
         format.groups() == 1 && format.d.type == ScaleType::F16 && format.blockLen == 32 &&
         format.dmin.type == ScaleType::None && format.table.empty();
}

bool canReadRows(Value tensor, int64_t unit, int64_t quantisedUnit) {
  RankedTensorType type = tensorOf(tensor);
  int64_t width = shapeOf(type).back().constant();
  if (const QuantFormat *format = formatOf(type.getElementType()))
    return isInt8(*format) && width % quantisedUnit == 0;
  return type.getElementType().isF16() && width % unit == 0;
}

} // namespace

Value packHalves(Emit &e, const Values &words) {
  Type type = e.vectorOf(e.i32(), static_cast<int64_t>(words.size()));
  Value vector = vector::FromElementsOp::create(e.b, e.loc, type, words);
  return e.bitcast(vector, e.vectorOf(e.f16(), static_cast<int64_t>(2 * words.size())));
}

Value pickBytes(Emit &e, Value high, Value low, int64_t selector) {
  return e.intrinsic(e.i32(), "llvm.amdgcn.perm", {high, low, e.constant(e.i32(), selector)});
}

CacheFragments::CacheFragments(Emit &e, const KernelContext &kernel, Wave &wave, Value tensor)
    : e_(e), wave_(wave), lanes_(kernel.target.matrixLanes()),
      format_(formatOf(tensorOf(tensor).getElementType())),
      pointer_(kernel.pointerOf(cast<BlockArgument>(tensor))) {
  Shape shape = shapeOf(tensor);
  width_ = shape[2].constant();
  context_ = kernel.extent(e, shape[1]);
  rowBytes_ = format_ ? static_cast<int64_t>(format_->rowBytes(width_)) : width_ * 2;
}

void CacheFragments::setHead(Value head) {
  rows_ = e_.at(pointer_, e_.mul(e_.mul(head, context_), e_.constant(rowBytes_)));
}

Values CacheFragments::biasedCodes(Value word) {
  Value high = e_.constant(e_.i32(), 0x64646464);
  return {pickBytes(e_, high, word, 0x04010400), pickBytes(e_, high, word, 0x04030402)};
}

Value CacheFragments::withoutBias(Value pair) {
  Type type = e_.vectorOf(e_.f16(), 2);
  return e_.subF(e_.bitcast(pair, type), e_.constantFloat(type, kBias));
}

bool CacheParts::canRead(Value tensor) { return canReadRows(tensor, kSide, 32); }

Values CacheParts::load(Value position, Value i) {
  Value row = e_.mul(position, e_.constant(rowBytes_));
  Values words;
  if (!format_) {
    Value loaded = e_.load(e_.vectorOf(e_.i32(), 4),
                           e_.at(rows_, e_.add(row, e_.mul(i, e_.constant(16)))), 16);
    for (int64_t w = 0; w < 4; ++w)
      words.push_back(e_.lane(loaded, w));
    return words;
  }
  int64_t parts = format_->blockLen / 8;
  Value block = e_.mul(e_.divide(i, e_.constant(parts)), e_.constant(format_->blockSize));
  Value start = e_.at(rows_, e_.add(row, block));
  Value inBlock = e_.mul(e_.remainder(i, e_.constant(parts)), e_.constant(8));
  Value codes =
      e_.load(e_.vectorOf(e_.i32(), 2), e_.at(e_.at(start, inBlock), format_->codes[0].offset), 2);
  Value scale = e_.splat(e_.load(e_.f16(), e_.at(start, format_->d.offset), 2), 2);
  for (int64_t w = 0; w < 2; ++w) {
    Value word = e_.bitXor(e_.lane(codes, w), static_cast<int32_t>(0x80808080u));
    for (Value pair : biasedCodes(word))
      words.push_back(e_.bitcast(e_.mulF(withoutBias(pair), scale), e_.i32()));
  }
  return words;
}

bool KeyFragments::canRead(Value tensor) { return canReadRows(tensor, kSide, 32); }

void KeyFragments::setPosition(Value position) {
  row_ = e_.at(rows_, e_.mul(position, e_.constant(rowBytes_)));
  parts_.clear();
  scales_.clear();
}

void KeyFragments::load(int64_t i) {
  // Lanes 16 to 31 begin at upperK: 0 where they repeat the others.
  Value start = e_.mul(e_.shiftRight(wave_.lane(), 4), e_.constant(lanes_.upperK));
  if (!format_) {
    Value at = e_.at(e_.at(row_, e_.shiftLeft(start, 1)), i * kSide * 2);
    unsigned align = rowBytes_ % 32 == 0 ? 16 : 2;
    parts_.push_back(e_.load(e_.vectorOf(e_.f16(), lanes_.halves), at, align));
    return;
  }
  int64_t first = i * kSide, inBlock = first % format_->blockLen;
  Value block = e_.at(row_, first / format_->blockLen * format_->blockSize);
  Value codes = e_.at(e_.at(block, start), format_->codes[0].offset + inBlock);
  parts_.push_back(e_.load(e_.vectorOf(e_.i32(), lanes_.halves / 4), codes, 2));
  if (inBlock == 0)
    scales_.push_back(e_.load(e_.f16(), e_.at(block, format_->d.offset), 2));
}

Value KeyFragments::fragment(int64_t i) {
  Value part = parts_[static_cast<size_t>(i)];
  if (!format_)
    return part;
  Values words;
  for (int64_t w = 0; w < lanes_.halves / 4; ++w) {
    Value word = e_.bitXor(e_.lane(part, w), static_cast<int32_t>(0x80808080u));
    for (Value pair : biasedCodes(word))
      words.push_back(e_.bitcast(withoutBias(pair), e_.i32()));
  }
  return packHalves(e_, words);
}

bool ValueFragments::canRead(Value tensor) { return canReadRows(tensor, 2 * kSide, 4 * kSide); }

void ValueFragments::setRows(Value first, Value last) {
  from_ = e_.at(rows_, e_.mul(first, e_.constant(rowBytes_)));
  mostBytes_ = e_.mul(e_.sub(last, first), e_.constant(rowBytes_));
  Value element = e_.mul(e_.bitAnd(wave_.lane(), kSide - 1), e_.constant(count()));
  if (!format_) {
    inRow_ = e_.mul(element, e_.constant(2));
    return;
  }
  Value blockLen = e_.constant(format_->blockLen);
  Value block = e_.mul(e_.divide(element, blockLen), e_.constant(format_->blockSize));
  inRow_ =
      e_.add(block, e_.add(e_.remainder(element, blockLen), e_.constant(format_->codes[0].offset)));
  scaleInRow_ = e_.add(block, e_.constant(format_->d.offset));
}

void ValueFragments::loadRow(int64_t k) {
  // Registers first; a lane that holds all 16 positions has the other half's registers next.
  Value row = e_.constant((k % 8 * lanes_.rowStep + k / 8 * lanes_.upperRow) * rowBytes_);
  if (lanes_.halves == 8)
    row = e_.add(row,
                 e_.mul(e_.shiftRight(wave_.lane(), 4), e_.constant(lanes_.upperRow * rowBytes_)));
  row = e_.minimum(row, mostBytes_);
  int64_t bytes = count() * (format_ ? 1 : 2);
  unsigned align = format_ ? 2 : static_cast<unsigned>(std::min<int64_t>(bytes & -bytes, 16));
  Value loaded =
      e_.load(e_.vectorOf(e_.i32(), bytes / 4), e_.at(from_, e_.add(row, inRow_)), align);
  Values &words = words_[k];
  words.clear();
  for (int64_t w = 0; w < bytes / 4; ++w)
    words.push_back(e_.lane(loaded, w));
  if (format_)
    scales_[k] = e_.load(e_.f16(), e_.at(from_, e_.add(row, scaleInRow_)), 2);
}

Value ValueFragments::fragment(int64_t j) {
  Values words;
  for (int64_t i = 0; i < lanes_.halves / 2; ++i) {
    const Values &low = words_[2 * i], &high = words_[2 * i + 1];
    if (!format_) {
      auto w = static_cast<size_t>(j / 2);
      words.push_back(pickBytes(e_, high[w], low[w], j % 2 ? 0x07060302 : 0x05040100));
      continue;
    }
    auto w = static_cast<size_t>(j / 4);
    Value zipped = pickBytes(e_, high[w], low[w], j % 4 < 2 ? 0x05010400 : 0x07030602);
    zipped = e_.bitXor(zipped, static_cast<int32_t>(0x80808080u));
    Value numbers = withoutBias(biasedCodes(zipped)[static_cast<size_t>(j % 2)]);
    Value scales = vector::FromElementsOp::create(e_.b, e_.loc, e_.vectorOf(e_.f16(), 2),
                                                  ValueRange{scales_[2 * i], scales_[2 * i + 1]});
    words.push_back(e_.bitcast(e_.mulF(numbers, scales), e_.i32()));
  }
  return packHalves(e_, words);
}

} // namespace rosso

#include "codegen/templates/lanes/CacheFragments.h"

#include "codegen/templates/CacheReader.h"

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

/// Rows in `unit`s of f16, or of int8 in whole words of four bytes.
bool canReadRows(Value tensor, int64_t unit) {
  RankedTensorType type = tensorOf(tensor);
  int64_t width = shapeOf(type).back().constant();
  if (const QuantFormat *format = formatOf(type.getElementType()))
    return isInt8(*format) && width % 64 == 0;
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

Values loadCodes(Emit &e, Value pointer, Value offset, int64_t bytes) {
  // The word that holds the two bytes before: they exist, as a block begins with its scale.
  Value start = e.bitAnd(e.sub(offset, e.constant(2)), -4);
  Value isOdd = e.equal(e.bitAnd(offset, 2), e.constant(2)); // in units of two bytes
  Value selector =
      e.select(isOdd, e.constant(e.i32(), 0x05040302), e.constant(e.i32(), 0x07060504));
  Value loaded = e.load(e.vectorOf(e.i32(), bytes / 4 + 1), e.at(pointer, start), 4);
  Values words;
  for (int64_t i = 0; i < bytes / 4; ++i)
    words.push_back(e.intrinsic(e.i32(), "llvm.amdgcn.perm",
                                {e.lane(loaded, i + 1), e.lane(loaded, i), selector}));
  return words;
}

CacheFragments::CacheFragments(Emit &e, const KernelContext &kernel, Wave &wave, Value tensor)
    : e_(e), wave_(wave), lanes_(kernel.target.matrixLanes()),
      format_(formatOf(tensorOf(tensor).getElementType())) {
  Shape shape = shapeOf(tensor);
  width_ = shape[2].constant();
  context_ = kernel.extent(e, shape[1]);
  rowBytes_ = format_ ? static_cast<int64_t>(format_->rowBytes(width_)) : width_ * 2;
  pointer_ = firstHeadOf(e, kernel, tensor, rowBytes_);
}

Value CacheFragments::placeOf(Value position) {
  if (lanes_.rowStep == 1)
    return position;
  return e_.add(e_.shiftRight(position, 1), e_.shiftLeft(e_.bitAnd(position, 1), 3));
}

void CacheFragments::setHead(Value head) {
  rows_ = e_.at(pointer_, e_.mul(e_.mul(head, context_), e_.constant(rowBytes_)));
}

Values CacheFragments::loadCodes(Value pointer, int64_t offset, int64_t bytes) {
  if (offset % 4)
    return rosso::loadCodes(e_, pointer, e_.constant(offset), bytes);
  Value loaded = e_.load(e_.vectorOf(e_.i32(), bytes / 4), e_.at(pointer, offset), 4);
  Values words;
  for (int64_t i = 0; i < bytes / 4; ++i)
    words.push_back(e_.lane(loaded, i));
  return words;
}

Values CacheFragments::biasedCodes(Value word) {
  Value high = e_.constant(e_.i32(), 0x64646464);
  return {pickBytes(e_, high, word, 0x04010400), pickBytes(e_, high, word, 0x04030402)};
}

Value CacheFragments::withoutBias(Value pair) {
  Type type = e_.vectorOf(e_.f16(), 2);
  return e_.subF(e_.bitcast(pair, type), e_.constantFloat(type, kBias));
}

bool CacheParts::canRead(Value tensor) { return canReadRows(tensor, kSide); }

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
  Value start = e_.add(row, block);
  Value inBlock = e_.mul(e_.remainder(i, e_.constant(parts)), e_.constant(8));
  Value first = e_.add(e_.add(start, inBlock), e_.constant(format_->codes[0].offset));
  Values codes = rosso::loadCodes(e_, rows_, first, 8);
  Value scale = e_.at(e_.at(rows_, start), format_->d.offset);
  scale = e_.splat(e_.load(e_.f16(), scale, 2), 2);
  for (Value word : codes) {
    word = e_.bitXor(word, static_cast<int32_t>(0x80808080u));
    for (Value pair : biasedCodes(word))
      words.push_back(e_.bitcast(e_.mulF(withoutBias(pair), scale), e_.i32()));
  }
  return words;
}

bool KeyFragments::canRead(Value tensor) { return canReadRows(tensor, kSide); }

void KeyFragments::setPosition(Value position) {
  row_ = e_.at(rows_, e_.mul(position, e_.constant(rowBytes_)));
  parts_.clear();
  codes_.clear();
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
  int64_t block = first / format_->blockLen * format_->blockSize;
  codes_.push_back(
      loadCodes(e_.at(row_, start), block + format_->codes[0].offset + inBlock, lanes_.halves));
  if (inBlock == 0)
    scales_.push_back(e_.load(e_.f16(), e_.at(row_, block + format_->d.offset), 2));
}

Value KeyFragments::fragment(int64_t i) {
  if (!format_)
    return parts_[static_cast<size_t>(i)];
  Values words;
  for (Value word : codes_[static_cast<size_t>(i)]) {
    word = e_.bitXor(word, static_cast<int32_t>(0x80808080u));
    for (Value pair : biasedCodes(word))
      words.push_back(e_.bitcast(withoutBias(pair), e_.i32()));
  }
  return packHalves(e_, words);
}

bool ValueFragments::canRead(Value tensor) { return canReadRows(tensor, 2 * kSide); }

ValueFragments::ValueFragments(Emit &e, const KernelContext &kernel, Wave &wave, Value tensor)
    : CacheFragments(e, kernel, wave, tensor) {
  if (!format_)
    return;
  int64_t bytes = width_ / format_->blockLen * kSide * 2;
  sharedScales_ = e.at(wave.shared(wave.waves() * bytes), e.mul(wave.number(), e.constant(bytes)));
}

void ValueFragments::setRows(Value first, Value last) {
  from_ = e_.at(rows_, e_.mul(first, e_.constant(rowBytes_)));
  mostBytes_ = e_.mul(e_.sub(last, first), e_.constant(rowBytes_));
  Value column = e_.bitAnd(wave_.lane(), kSide - 1), half = e_.shiftRight(wave_.lane(), 4);
  Value element = e_.mul(column, e_.constant(count()));
  if (!format_) {
    inRow_ = e_.mul(element, e_.constant(2));
    return;
  }
  Value blockLen = e_.constant(format_->blockLen);
  inRow_ = e_.add(e_.mul(e_.divide(element, blockLen), e_.constant(format_->blockSize)),
                  e_.add(e_.remainder(element, blockLen), e_.constant(format_->codes[0].offset)));
  // Each half of the wave loads the scales of half of the blocks.
  int64_t blocks = width_ / format_->blockLen / 2;
  Value row = e_.minimum(e_.mul(column, e_.constant(rowBytes_)), mostBytes_);
  Value start = e_.at(from_, e_.add(row, e_.mul(half, e_.constant(blocks * format_->blockSize))));
  loadedScales_.clear();
  for (int64_t b = 0; b < blocks; ++b)
    loadedScales_.push_back(
        e_.load(e_.f16(), e_.at(start, b * format_->blockSize + format_->d.offset), 2));
}

void ValueFragments::shareScales() {
  if (!format_)
    return;
  Value column = e_.bitAnd(wave_.lane(), kSide - 1), half = e_.shiftRight(wave_.lane(), 4);
  Value place = placeOf(column);
  int64_t blocks = width_ / format_->blockLen / 2;
  wave_.settle();
  Value target = e_.at(sharedScales_, e_.mul(half, e_.constant(blocks * kSide * 2)));
  for (int64_t b = 0; b < blocks; ++b)
    storeElement(e_, e_.f16(), loadedScales_[static_cast<size_t>(b)], e_.at(target, b * kSide * 2),
                 place);
  wave_.settle();
  Value block = e_.divide(e_.mul(column, e_.constant(count())), e_.constant(format_->blockLen));
  Value source = e_.at(sharedScales_, e_.mul(block, e_.constant(kSide * 2)));
  source = e_.at(source, e_.mul(half, e_.constant(lanes_.upperK * 2)));
  scales_ = e_.load(e_.vectorOf(e_.f16(), lanes_.halves), source, 16);
}

void ValueFragments::loadRow(int64_t k) {
  // Registers first; a lane that holds all 16 positions has the other half's registers next.
  Value row = e_.constant((k % 8 * lanes_.rowStep + k / 8 * lanes_.upperRow) * rowBytes_);
  if (lanes_.halves == 8)
    row = e_.add(row,
                 e_.mul(e_.shiftRight(wave_.lane(), 4), e_.constant(lanes_.upperRow * rowBytes_)));
  row = e_.minimum(row, mostBytes_);
  Values &words = words_[k];
  if (format_) {
    words = rosso::loadCodes(e_, from_, e_.add(row, inRow_), count());
    return;
  }
  int64_t bytes = count() * 2;
  Value loaded = e_.load(e_.vectorOf(e_.i32(), bytes / 4), e_.at(from_, e_.add(row, inRow_)),
                         static_cast<unsigned>(std::min<int64_t>(bytes & -bytes, 16)));
  words.clear();
  for (int64_t w = 0; w < bytes / 4; ++w)
    words.push_back(e_.lane(loaded, w));
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
    Value scales =
        vector::ExtractStridedSliceOp::create(e_.b, e_.loc, scales_, ArrayRef<int64_t>{2 * i},
                                              ArrayRef<int64_t>{2}, ArrayRef<int64_t>{1});
    words.push_back(e_.bitcast(e_.mulF(numbers, scales), e_.i32()));
  }
  return packHalves(e_, words);
}

} // namespace rosso

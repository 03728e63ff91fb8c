#include "codegen/templates/Root.h"

#include "codegen/amdgpu/Wave.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <set>

namespace rosso {

using namespace mlir;

/// The concats and pads on the last axis that stand between `value` and its first movement of
/// another kind.
void Root::findParts(Value value, llvm::DenseSet<Value> &seen, std::vector<Parts> &found) {
  Operation *op = value.getDefiningOp();
  if (!op || !seen.insert(value).second)
    return;
  if (op->hasTrait<Elementwise>()) {
    for (Value operand : op->getOperands())
      findParts(operand, seen, found);
    return;
  }
  const Shape shape = shapeOf(value);
  if (shape.empty() || !shape.back().isConstant())
    return;
  Parts parts{op, {}};
  if (auto pad = dyn_cast<PadOp>(op)) {
    const Dim before = extentsOf(pad.getBefore()).back(), after = extentsOf(pad.getAfter()).back();
    if (!before.isConstant() || !after.isConstant() || before + after == Dim(0))
      return;
    const int64_t extent = shape.back().constant();
    parts.ends = {before.constant(), extent - after.constant(), extent};
    found.push_back(std::move(parts));
  } else if (auto concat = dyn_cast<ConcatOp>(op)) {
    bool isLast = static_cast<size_t>(concat.getAxis()) + 1 == shape.size();
    int64_t end = 0;
    for (Value source : concat.getSources()) {
      if (!isLast || !shapeOf(source).back().isConstant())
        return;
      parts.ends.push_back(end += shapeOf(source).back().constant());
    }
    found.push_back(std::move(parts));
  }
}

Root::Root(const KernelContext &kernel, unsigned index) : kernel_(kernel) {
  KernelOp op = kernel.op;
  value_ = op.getYielded()[index];
  pointer_ = kernel.resultPointer(index);
  memoryShape_ = shapeOf(value_);
  element_ = tensorOf(value_).getElementType();
  begin_.assign(memoryShape_.size(), Dim(0));
  if (auto update = value_.getDefiningOp<UpdateOp>()) {
    begin_ = extentsOf(update.getBegin());
    value_ = update.getValue();
  } else if (auto quantize = value_.getDefiningOp<QuantizeOp>()) {
    value_ = quantize.getSource();
  } else if (op.getTemplate() == KernelTemplate::Map) {
    // A reshape of what is computed moves nothing.
    while (auto reshape = value_.getDefiningOp<ReshapeOp>()) {
      value_ = reshape.getSource();
      memoryShape_ = shapeOf(value_);
      begin_.assign(memoryShape_.size(), Dim(0));
    }
  }
  // A contraction's results lie in memory as its reshape shows them.
  if (op.getTemplate() == KernelTemplate::Matmul || op.getTemplate() == KernelTemplate::Matvec)
    while (auto reshape = value_.getDefiningOp<ReshapeOp>()) {
      value_ = reshape.getSource();
      memoryShape_ = shapeOf(value_);
      begin_.assign(memoryShape_.size(), Dim(0));
    }
  shape_ = shapeOf(value_);
  format_ = formatOf(element_);
  if (format_)
    blockLen_ = format_->blockLen;
  llvm::DenseSet<Value> seen;
  findParts(value_, seen, parts_);
}

/// What floats are multiplied with to become int8 codes, where `largest` is their greatest
/// magnitude: 127 / largest, or 0.
static Value codesPerUnit(Emit &e, Value largest) {
  Value none =
      arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::OEQ, largest, e.zero(e.f32()));
  return e.select(
      none, e.zero(e.f32()),
      e.divF(e.constantFloat(e.f32(), 127), e.select(none, e.constantFloat(e.f32(), 1), largest)));
}

/// Packs 32 floats at `source` with one scale, as code = round(x * 127 / max|x|), stored plus
/// `bias`. Returns the scale and the sums of the two halves of the codes.
namespace {
struct Packed {
  Value scale;
  Value sums[2];
};

Packed packInt8(Emit &e, Value source, Value codes, int bias) {
  constexpr int64_t kHalf = 16;
  Type vector = e.vectorOf(e.f32(), kHalf);
  Value halves[2], magnitude;
  for (int h : {0, 1}) {
    halves[h] = e.load(vector, e.at(source, h * kHalf * 4), 64);
    Value absolute = math::AbsFOp::create(e.b, e.loc, halves[h]);
    magnitude =
        magnitude ? Value(arith::MaxNumFOp::create(e.b, e.loc, magnitude, absolute)) : absolute;
  }
  Value largest = e.reduceMaxF(magnitude);
  Value inverse = codesPerUnit(e, largest);
  Packed packed;
  packed.scale = e.mulF(largest, e.constantFloat(e.f32(), 1.0 / 127));
  for (int h : {0, 1}) {
    Value scaled = e.mulF(halves[h], e.splat(inverse, kHalf));
    Value rounded = math::RoundEvenOp::create(e.b, e.loc, scaled);
    Value integers = arith::FPToSIOp::create(e.b, e.loc, e.vectorOf(e.i32(), kHalf), rounded);
    packed.sums[h] = e.reduceAdd(integers);
    Value biased = e.add(integers, e.constant(integers.getType(), bias));
    e.store(e.truncate(biased, e.i8()), e.at(codes, h * kHalf));
  }
  return packed;
}
} // namespace

/// Address of the row of blocks at the outer index `outer`.
Value Root::blockRow(Emit &e, ValueRange outer) const {
  Values index;
  for (size_t i = 0; i < outer.size(); ++i)
    index.push_back(e.add(outer[i], kernel_.extent(e, begin_[i])));
  Shape rowShape(memoryShape_.begin(), memoryShape_.end() - 1);
  int64_t blocks = memoryShape_.back().constant() / blockLen_;
  Value row = linearIndex(e, kernel_, rowShape, index);
  return e.at(pointer_, e.mul(row, e.constant(blocks * format_->blockSize)));
}

void Root::storeBlock(ElementEmitter &elements, Wave &wave, ValueRange outer, Value block) const {
  Emit &e = elements.emit();
  assert(blockLen_ == kWaveLanes && format_->codeBits == 8 &&
         "kernels write int8 blocks of 32: q8_a and q8_0");
  Values at(outer);
  Value first = e.mul(block, e.constant(blockLen_));
  at.push_back(e.add(first, wave.lane()));
  Value x = e.extendFloat(elements.element(value_, at), e.f32());

  Value largest = wave.reduce(math::AbsFOp::create(e.b, e.loc, x), [&](Value a, Value b) -> Value {
    return arith::MaxNumFOp::create(e.b, e.loc, a, b);
  });
  Value inverse = codesPerUnit(e, largest);
  Value scale = e.mulF(largest, e.constantFloat(e.f32(), 1.0 / 127));
  Value rounded = math::RoundEvenOp::create(e.b, e.loc, e.mulF(x, inverse));
  Value code = arith::FPToSIOp::create(e.b, e.loc, e.i32(), rounded);

  int64_t blocks = memoryShape_.back().constant() / blockLen_;
  Value row = blockRow(e, outer);
  Value isFirst = e.equal(wave.lane(), e.constant(0));
  if (!format_->splitRows) {
    Value target = e.at(row, e.mul(block, e.constant(format_->blockSize)));
    e.store(e.truncate(code, e.i8()), e.at(e.at(target, wave.lane()), 2));
    e.ifThen(isFirst,
             [&] { e.store(arith::TruncFOp::create(e.b, e.loc, e.f16(), scale), target, 2); });
    return;
  }
  e.store(e.truncate(e.add(code, e.constant(e.i32(), format_->zero)), e.i8()),
          e.at(e.at(row, first), wave.lane()));
  // Sums of the lower and the upper 16 codes.
  Value sum = code;
  for (int64_t bits = 1; bits < 16; bits *= 2)
    sum = e.add(sum, wave.exchange(sum, bits));
  Value other = wave.exchange(sum, 16);
  e.ifThen(isFirst, [&] {
    Value record = e.at(row, e.add(e.constant(blocks * blockLen_), e.mul(block, e.constant(16))));
    e.store(scale, record, 4);
    int offset = 4;
    for (Value codes : {sum, other, e.add(sum, other)}) {
      e.store(e.mulF(scale, e.toFloat(codes, e.f32())), e.at(record, offset), 4);
      offset += 4;
    }
  });
}

void Root::storeLane(ElementEmitter &elements, Wave &wave, Values index) const {
  if (!isBlocked())
    return storeOne(elements, index);
  Emit &e = elements.emit();
  Value block = wave.uniform(e.divide(index.back(), e.constant(kWaveLanes)));
  index.pop_back();
  storeBlock(elements, wave, index, block);
}

void Root::storeBlock(ElementEmitter &elements, Values index, Value block) const {
  Emit &e = elements.emit();
  assert(blockLen_ == 32 && format_->codeBits == 8 &&
         "kernels write int8 blocks of 32: q8_a and q8_0");
  Value buffer = e.stack(blockLen_ * 4);
  Value first = e.mul(block, e.constant(blockLen_));
  e.loop(e.constant(0), e.constant(blockLen_), 1, [&](Value i) {
    ElementEmitter::Scope scope(elements);
    Values at(index);
    at.push_back(e.add(first, i));
    Value value = e.extendFloat(elements.element(value_, at), e.f32());
    storeElement(e, e.f32(), value, buffer, i);
  });

  int64_t blocks = memoryShape_.back().constant() / blockLen_;
  Value rowPointer = blockRow(e, index);
  if (format_->splitRows) {
    Value codes = e.at(rowPointer, first);
    Packed packed = packInt8(e, buffer, codes, format_->zero);
    Value record =
        e.at(rowPointer, e.add(e.constant(blocks * blockLen_), e.mul(block, e.constant(16))));
    Value sum = e.add(packed.sums[0], packed.sums[1]);
    e.store(packed.scale, record, 4);
    int offset = 4;
    for (Value codesSum : {packed.sums[0], packed.sums[1], sum}) {
      e.store(e.mulF(packed.scale, e.toFloat(codesSum, e.f32())), e.at(record, offset), 4);
      offset += 4;
    }
  } else {
    Value at = e.at(rowPointer, e.mul(block, e.constant(format_->blockSize)));
    Packed packed = packInt8(e, buffer, e.at(at, 2), 0);
    e.store(arith::TruncFOp::create(e.b, e.loc, e.b.getF16Type(), packed.scale), at, 2);
  }
}

void Root::store(ElementEmitter &elements, ValueRange outer, Value from, Value to) const {
  Emit &e = elements.emit();
  if (isBlocked()) {
    Value length = e.constant(blockLen_);
    e.loop(e.divide(from, length), e.divide(to, length), 1, [&](Value block) {
      ElementEmitter::Scope scope(elements);
      storeBlock(elements, Values(outer), block);
    });
    return;
  }
  // Between the ends of parts it is known which part is meant.
  std::set<int64_t> ends;
  for (const Parts &parts : parts_)
    ends.insert(parts.ends.begin(), parts.ends.end());
  ends.erase(0);
  if (ends.empty())
    return storeRange(elements, outer, from, to);
  int64_t begin = 0;
  for (int64_t end : ends) {
    for (const Parts &parts : parts_) {
      auto part = llvm::upper_bound(parts.ends, begin) - parts.ends.begin();
      elements.choose(parts.op, isa<PadOp>(parts.op) ? part == 1 : static_cast<unsigned>(part));
    }
    ElementEmitter::Scope scope(elements);
    storeRange(elements, outer, e.maximum(from, e.constant(begin)), e.minimum(to, e.constant(end)));
    begin = end;
  }
  elements.forgetChoices();
}

void Root::storeRange(ElementEmitter &elements, ValueRange outer, Value from, Value to) const {
  Emit &e = elements.emit();
  e.loop(from, to, 1, [&](Value i) {
    ElementEmitter::Scope scope(elements);
    Values index(outer);
    index.push_back(i);
    storeOne(elements, index);
  });
}

void Root::storeMerged(ElementEmitter &elements, ValueRange outer, Value from, Value to) const {
  Emit &e = elements.emit();
  const Shape merged(shape_.begin() + static_cast<long>(outer.size()), shape_.end());
  e.loop(from, to, 1, [&](Value i) {
    ElementEmitter::Scope scope(elements);
    Values index(outer);
    index.append(delinearIndex(e, kernel_, merged, i));
    storeOne(elements, index);
  });
}

void Root::storeOne(ElementEmitter &elements, Values index) const {
  Emit &e = elements.emit();
  Value value = elements.element(value_, index);
  for (size_t axis = 0; axis < index.size(); ++axis)
    index[axis] = e.add(index[axis], kernel_.extent(e, begin_[axis]));
  storeElement(e, element_, value, pointer_, linearIndex(e, kernel_, memoryShape_, index));
}

void Root::storeBelow(ElementEmitter &elements, ValueRange outer) const {
  Values index(outer);
  llvm::SmallVector<int64_t> fixed;
  for (size_t axis = 0; axis < outer.size(); ++axis)
    fixed.push_back(static_cast<int64_t>(axis));
  index.resize(shape_.size());
  storeAt(elements, fixed, std::move(index));
}

void Root::storeAt(ElementEmitter &elements, ArrayRef<int64_t> fixed, Values index) const {
  if (!shape_.empty())
    return storeFrom(elements, fixed, std::move(index), 0);
  Emit &e = elements.emit();
  storeElement(e, element_, elements.element(value_, {}), pointer_, e.constant(0));
}

void Root::storeFrom(ElementEmitter &elements, ArrayRef<int64_t> fixed, Values index,
                     size_t axis) const {
  Emit &e = elements.emit();
  bool isFixed = llvm::is_contained(fixed, static_cast<int64_t>(axis));
  if (axis + 1 == shape_.size()) {
    Value from = isFixed ? index.back() : e.constant(0);
    Value to = isFixed ? e.add(from, e.constant(1)) : kernel_.extent(e, shape_.back());
    return store(elements, ValueRange(index).drop_back(), from, to);
  }
  if (isFixed)
    return storeFrom(elements, fixed, std::move(index), axis + 1);
  e.loop(e.constant(0), kernel_.extent(e, shape_[axis]), 1, [&](Value i) {
    ElementEmitter::Scope scope(elements);
    Values inner(index);
    inner[axis] = i;
    storeFrom(elements, fixed, std::move(inner), axis + 1);
  });
}

} // namespace rosso

#include "codegen/templates/CacheReader.h"

#include "codegen/quant/QuantElement.h"
#include "codegen/quant/TileEmitter.h"

#include <numeric>

namespace rosso {

using namespace mlir;

Value firstHeadOf(Emit &e, const KernelContext &kernel, Value tensor, int64_t rowBytes) {
  Value pointer = kernel.pointerOf(tensor);
  for (Operation *user : tensor.getUsers())
    if (auto op = dyn_cast<AttentionOp>(user); op && op.getFirstHead()) {
      Value row =
          e.mul(kernel.extent(e, dimOf(*op.getFirstHead())), kernel.extent(e, shapeOf(tensor)[1]));
      return e.at(pointer, e.mul(row, e.constant(rowBytes)));
    }
  return pointer;
}

CacheReader::CacheReader(Emit &e, const KernelContext &kernel, Value tensor, int64_t lanes)
    : e_(e), type_(tensorOf(tensor).getElementType()), format_(formatOf(type_)), lanes_(lanes) {
  Shape shape = shapeOf(tensor);
  width_ = shape[2].constant();
  context_ = kernel.extent(e, shape[1]);
  rowBytes_ = format_ ? width_ / format_->blockLen * format_->blockSize
                      : width_ * type_.getIntOrFloatBitWidth() / 8;
  pointer_ = firstHeadOf(e, kernel, tensor, rowBytes_);
}

Value CacheReader::row(Value head, Value position) const {
  return e_.at(pointer_, rowOffset(head, position));
}

Value CacheReader::rowOffset(Value head, Value position) const {
  return e_.mul(e_.add(e_.mul(head, context_), position), e_.constant(rowBytes_));
}

Value CacheReader::vector(Value row, int64_t j) const {
  int64_t first = j * lanes_;
  if (!format_) {
    int64_t bytes = type_.getIntOrFloatBitWidth() / 8;
    // Caches begin at multiples of 64 bytes; keys and values that a caller lent, of 16.
    int64_t align = std::gcd(std::gcd(rowBytes_, lanes_ * bytes), int64_t{16});
    return e_.extendFloat(e_.load(e_.vectorOf(type_, lanes_), e_.at(row, first * bytes),
                                  static_cast<unsigned>(align)),
                          e_.f32());
  }
  // int8 codes behind a scale: q8_0.
  int64_t block = first / format_->blockLen;
  Value blockPointer = e_.at(row, block * format_->blockSize);
  Value scale = emitScaleLoad(e_, format_->d.type, e_.at(blockPointer, format_->d.offset), 1);
  Value codes = e_.load(e_.vectorOf(e_.i8(), lanes_),
                        e_.at(blockPointer, format_->codes[0].offset + first % format_->blockLen));
  Value numbers = e_.toFloat(e_.signExtend(codes, e_.i32()), e_.f32());
  return e_.mulF(numbers, e_.splat(scale, lanes_));
}

Value CacheReader::element(Value row, Value i) const {
  if (format_)
    return emitRowElement(e_, *format_, row, i);
  return e_.extendFloat(loadElement(e_, type_, row, i), e_.f32());
}

} // namespace rosso

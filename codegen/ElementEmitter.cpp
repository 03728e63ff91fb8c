#include "codegen/ElementEmitter.h"

#include "codegen/lower/Lower.h"
#include "codegen/quant/QuantElement.h"
#include "ir/quant/Formats.h"
#include "ir/quant/Tile.h"

#include "llvm/ADT/ScopeExit.h"

namespace rosso {

using namespace mlir;

Value ElementEmitter::element(Value tensor, ValueRange index) {
  Key memo{key(tensor)};
  for (Value i : index)
    memo.push_back(key(i));
  for (const auto &scope : scopes_)
    if (auto it = scope.find(memo); it != scope.end())
      return it->second;
  Value value = compute(tensor, index);
  scopes_.back().emplace(std::move(memo), value);
  return value;
}

Value ElementEmitter::compute(Value tensor, ValueRange index) {
  if (auto it = sources_.find(key(tensor)); it != sources_.end())
    return it->second(index);
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return operand(argument, index);
  Operation *op = tensor.getDefiningOp();
  const Location outer = std::exchange(e_.loc, op->getLoc()); // for listings
  llvm::scope_exit restore([&] { e_.loc = outer; });
  if (op->hasTrait<Elementwise>()) {
    Values operands;
    for (Value source : op->getOperands())
      operands.push_back(element(source, index));
    return lowerElementwise(e_, op, operands);
  }
  return lowerMovement(*this, op, index);
}

Value ElementEmitter::operand(BlockArgument argument, ValueRange index) {
  RankedTensorType type = tensorOf(argument);
  const Shape shape = shapeOf(type);
  if (Layout layout = kernel_.layoutOf(argument); layout != Layout::Rows) {
    const QuantFormat *format = formatOf(type.getElementType());
    const QuantFormat &f = format ? *format : *findFormat(name(*dtypeOf(type.getElementType())));
    return emitTileElement(e_, f, tileShape(layout), shape.back().constant(),
                           kernel_.pointerOf(argument), index[0], index[1]);
  }
  return reshaped(argument, shape, index);
}

Value ElementEmitter::reshaped(BlockArgument argument, const Shape &shape, ValueRange index) {
  Type element = tensorOf(argument).getElementType();
  Value pointer = kernel_.pointerOf(argument), position = linearIndex(e_, kernel_, shape, index);
  if (const QuantFormat *format = formatOf(element))
    return emitRowElement(e_, *format, pointer, position);
  return loadElement(e_, element, pointer, position);
}

} // namespace rosso

// The kernel op: its text and its verifier.
#include "ir/Rosso.h"
#include "ir/Shapes.h"

using namespace mlir;

namespace rosso {

// rosso.kernel "name" map (%a = %x : T, ...) -> (R, ...) {attributes} { ... }

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  llvm::StringRef keyword;
  llvm::SMLoc where;
  if (parser.parseAttribute(properties.name) || parser.getCurrentLocation(&where) ||
      parser.parseKeyword(&keyword))
    return failure();
  auto kind = symbolizeKernelTemplate(keyword);
  if (!kind)
    return parser.emitError(where, "no kernel template is named '") << keyword << "'";
  properties.kind = KernelTemplateAttr::get(parser.getContext(), *kind);

  llvm::SmallVector<OpAsmParser::Argument> arguments;
  llvm::SmallVector<OpAsmParser::UnresolvedOperand> operands;
  llvm::SmallVector<Type> types;
  auto parseBinding = [&]() -> ParseResult {
    OpAsmParser::Argument &argument = arguments.emplace_back();
    if (parser.parseArgument(argument) || parser.parseEqual() ||
        parser.parseOperand(operands.emplace_back()) || parser.parseColonType(argument.type))
      return failure();
    types.push_back(argument.type);
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseBinding) ||
      parser.parseArrow())
    return failure();
  if (succeeded(parser.parseOptionalLParen())) {
    if (failed(parser.parseOptionalRParen()) &&
        (parser.parseTypeList(result.types) || parser.parseRParen()))
      return failure();
  } else if (parser.parseType(result.types.emplace_back())) {
    return failure();
  }
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseRegion(*result.addRegion(), arguments) ||
      parser.resolveOperands(operands, types, parser.getNameLoc(), result.operands))
    return failure();
  return success();
}

void KernelOp::print(OpAsmPrinter &printer) {
  printer << " " << getNameAttr() << " " << stringifyKernelTemplate(getKind()) << " (";
  llvm::interleaveComma(llvm::zip(getBody()->getArguments(), getInputs()), printer, [&](auto pair) {
    auto [argument, input] = pair;
    printer << argument << " = " << input << " : " << input.getType();
  });
  printer << ") -> ";
  if (getNumResults() == 1)
    printer << getResult(0).getType();
  else
    printer << "(" << getResultTypes() << ")";
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {"name", "kind"});
  printer << " ";
  printer.printRegion(getRegion(), /*printEntryBlockArgs=*/false);
}

LogicalResult KernelOp::verify() {
  mlir::Block *body = getBody();
  if (body->getArgumentTypes() != getInputs().getTypes())
    return emitOpError("C1: the body's arguments and the operands differ in type");
  auto yield = llvm::dyn_cast_or_null<YieldOp>(body->empty() ? nullptr : &body->back());
  if (!yield || yield.getValues().getTypes() != getResultTypes())
    return emitOpError("C2: the body does not yield the results' types");
  if (getRows() && getRows()->size() != getNumResults())
    return emitOpError() << "C3: rows of " << getRows()->size() << " results, not of "
                         << getNumResults();
  if (getSlots() && getSlots()->size() != getNumResults())
    return emitOpError() << "C3: " << getSlots()->size() << " slots for " << getNumResults()
                         << " results";
  if (getNodes() && getNodes()->size() != getNumResults())
    return emitOpError() << "C3: " << getNodes()->size() << " nodes for " << getNumResults()
                         << " results";
  for (auto [i, value] : llvm::enumerate(yield.getValues()))
    if (llvm::isa<BlockArgument>(value))
      return emitOpError() << "C4: result " << i << " is an argument of the body";
  return success();
}

} // namespace rosso

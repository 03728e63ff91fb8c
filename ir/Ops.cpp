// The verifiers. Each `C<n>` is the constraint of that number in Ops.td.
#include "ir/Rosso.h"
#include "ir/Shapes.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;

namespace rosso {

/// Scalars print as the literal alone: f64 and i64 are what a literal without a type means.
static ParseResult parseLiteral(OpAsmParser &parser, Attribute &value) {
  return parser.parseAttribute(value);
}

static void printLiteral(OpAsmPrinter &printer, Operation *, Attribute value) {
  auto number = llvm::dyn_cast<FloatAttr>(value);
  if (llvm::isa<IntegerAttr>(value) || (number && number.getValue().isFinite()))
    printer.printAttributeWithoutType(value);
  else
    printer.printAttribute(value); // inf and nan print as bits, which need their type
}

} // namespace rosso

#pragma GCC diagnostic ignored "-Wunused-parameter" // in generated code
#pragma GCC diagnostic ignored "-Wshadow"
#define GET_OP_CLASSES
#include "ir/Ops.cpp.inc"

namespace rosso {

//===-- what constraints are made of -------------------------------------------------------------//

static std::string text(const Shape &shape) { return str(shape); }

static LogicalResult requireOneElementType(Operation *op) {
  Type element = tensorOf(op->getResult(0)).getElementType();
  for (Value operand : op->getOperands())
    if (tensorOf(operand).getElementType() != element)
      return op->emitOpError() << "C1: source has elements " << tensorOf(operand).getElementType()
                               << ", result " << element;
  return success();
}

static LogicalResult requireShape(Operation *op, llvm::StringRef constraint, Value value,
                                  const Shape &wanted) {
  if (Shape found = shapeOf(value); found != wanted)
    return op->emitOpError() << constraint << ": result has extents " << text(found)
                             << ", expected " << text(wanted);
  return success();
}

/// Distinct numbers of axes of a tensor of this rank; ascending if asked for.
static bool areAxes(llvm::ArrayRef<int64_t> axes, int64_t rank, bool ascending) {
  llvm::SmallBitVector seen(rank);
  int64_t last = -1;
  for (int64_t axis : axes) {
    if (axis < 0 || axis >= rank || seen.test(axis) || (ascending && axis < last))
      return false;
    seen.set(axis);
    last = axis;
  }
  return true;
}

/// Parses forms that come from text and may be anything. `vars` must declare what they name.
static FailureOr<Shape> readForms(Operation *op, llvm::StringRef constraint, ArrayAttr attr,
                                  size_t count, const VarTable &vars) {
  if (attr.size() != count)
    return op->emitOpError() << constraint << ": " << attr.size() << " forms for " << count
                             << " axes";
  Shape forms;
  for (Attribute form : attr) {
    llvm::StringRef value = llvm::cast<StringAttr>(form).getValue();
    auto dim = Dim::parse(std::string_view(value.data(), value.size()));
    if (!dim)
      return op->emitOpError() << constraint << ": " << dim.error().message;
    for (const auto &[name, coefficient] : dim->terms())
      if (!vars.count(name))
        return op->emitOpError() << constraint << ": '" << value << "' names '" << name
                                 << "', which rosso.vars of the module does not declare";
    forms.push_back(*std::move(dim));
  }
  return forms;
}

static bool isBounded(const Dim &dim, const VarTable &vars) {
  return llvm::all_of(dim.terms(), [&](const auto &term) { return vars.count(term.first) != 0; });
}

/// begin + size lies in [0, extent] on every axis: for all values of the variables, or at least for
/// some; then the program carries a limit that the runtime checks (Entry::rooms).
static LogicalResult requireInside(Operation *op, llvm::StringRef constraint, const Shape &begin,
                                   const Shape &size, const Shape &extent, const VarTable &vars) {
  for (size_t i = 0; i < extent.size(); ++i) {
    Dim room = extent[i] - size[i] - begin[i];
    if (!isBounded(room, vars))
      return op->emitOpError() << constraint << ": axis " << i << ": '" << room.str()
                               << "' names a variable that rosso.vars does not declare";
    if (begin[i].min(vars) < 0 || room.max(vars) < 0)
      return op->emitOpError() << constraint << ": axis " << i << ": " << size[i].str()
                               << " elements at " << begin[i].str() << " exceed extent "
                               << extent[i].str();
  }
  return success();
}

static bool hasWholeBlocks(RankedTensorType type) {
  const QuantFormat *format = formatOf(type.getElementType());
  if (!format)
    return true;
  if (type.getRank() == 0)
    return false;
  int64_t extent = type.getShape().back();
  return !ShapedType::isDynamic(extent) && extent % format->blockLen == 0;
}

static LogicalResult requireWholeBlocks(Operation *op, llvm::StringRef constraint, Value value) {
  RankedTensorType type = tensorOf(value);
  if (hasWholeBlocks(type))
    return success();
  const QuantFormat &format = *formatOf(type.getElementType());
  return op->emitOpError() << constraint << ": innermost extent "
                           << (type.getRank() ? shapeOf(type).back().str() : "of a scalar")
                           << " is not a multiple of the " << format.name.data() << " block length "
                           << format.blockLen;
}

//===-- leaves -----------------------------------------------------------------------------------//

LogicalResult ConstantOp::verify() {
  if (tensorOf(getResult()).getRank() != 0)
    return emitOpError() << "C1: result has extents " << text(shapeOf(getResult()))
                         << ", expected a scalar";
  if (!llvm::isa<FloatType>(tensorOf(getResult()).getElementType()) &&
      llvm::isa<FloatAttr>(getValue()))
    return emitOpError("C2: an integer result has a float value");
  return success();
}

LogicalResult VariableOp::verify() {
  if (failed(readForms(*this, "C1", getValue(), 1, varsOf(*this))))
    return failure();
  if (tensorOf(getResult()).getRank() != 0)
    return emitOpError() << "C2: result has extents " << text(shapeOf(getResult()))
                         << ", expected a scalar";
  return success();
}

LogicalResult IotaOp::verify() {
  if (tensorOf(getResult()).getRank() != 1)
    return emitOpError() << "C1: result has extents " << text(shapeOf(getResult()))
                         << ", expected one";
  return success();
}

//===-- elementwise ------------------------------------------------------------------------------//

LogicalResult CastOp::verify() {
  return requireShape(*this, "C1", getResult(), shapeOf(getSource()));
}

LogicalResult BitcastOp::verify() {
  if (failed(requireShape(*this, "C1", getResult(), shapeOf(getSource()))))
    return failure();
  auto size = [](Value v) { return byteSize(*dtypeOf(tensorOf(v).getElementType())); };
  if (size(getSource()) != size(getResult()))
    return emitOpError() << "C2: source has elements of " << size(getSource())
                         << " bytes, result of " << size(getResult());
  return success();
}

//===-- movement ---------------------------------------------------------------------------------//

LogicalResult ReshapeOp::verify() {
  if (failed(requireOneElementType(*this)))
    return failure();
  Shape from = shapeOf(getSource()), to = shapeOf(getResult());
  if (!sameElementCount(from, to))
    return emitOpError() << "C2: extents " << text(from) << " and " << text(to)
                         << " have different products";
  return success();
}

LogicalResult PermuteOp::verify() {
  if (failed(requireOneElementType(*this)))
    return failure();
  Shape from = shapeOf(getSource()), wanted;
  if (getAxes().size() != from.size() || !areAxes(getAxes(), from.size(), /*ascending=*/false))
    return emitOpError() << "C2: axes [" << getAxes() << "] are not a permutation of "
                         << from.size() << " axes";
  for (int64_t axis : getAxes())
    wanted.push_back(from[axis]);
  return requireShape(*this, "C3", getResult(), wanted);
}

LogicalResult ExpandOp::verify() {
  if (failed(requireOneElementType(*this)))
    return failure();
  Shape from = shapeOf(getSource()), to = shapeOf(getResult());
  if (from.size() != to.size())
    return emitOpError() << "C2: source has rank " << from.size() << ", result " << to.size();
  for (size_t i = 0; i < from.size(); ++i)
    if (from[i] != to[i] && from[i] != Dim(1))
      return emitOpError() << "C3: extent " << from[i].str() << " of axis " << i
                           << " cannot become " << to[i].str();
  return success();
}

LogicalResult PadOp::verify() {
  if (failed(requireOneElementType(*this)))
    return failure();
  VarTable vars = varsOf(*this);
  Shape shape = shapeOf(getSource());
  auto before = readForms(*this, "C2", getBefore(), shape.size(), vars);
  if (failed(before))
    return failure();
  auto after = readForms(*this, "C2", getAfter(), shape.size(), vars);
  if (failed(after))
    return failure();
  for (size_t i = 0; i < shape.size(); ++i) {
    if ((*before)[i].max(vars) < 0 || (*after)[i].max(vars) < 0)
      return emitOpError() << "C2: axis " << i << ": a pad of " << (*before)[i].str() << " and "
                           << (*after)[i].str() << " is always negative";
    shape[i] = (*before)[i] + shape[i] + (*after)[i];
  }
  return requireShape(*this, "C3", getResult(), shape);
}

LogicalResult ShrinkOp::verify() {
  if (failed(requireOneElementType(*this)))
    return failure();
  VarTable vars = varsOf(*this);
  Shape from = shapeOf(getSource()), to = shapeOf(getResult());
  auto begin = readForms(*this, "C2", getBegin(), from.size(), vars);
  if (failed(begin))
    return failure();
  if (from.size() != to.size())
    return emitOpError() << "C3: source has rank " << from.size() << ", result " << to.size();
  return requireInside(*this, "C3", *begin, to, from, vars);
}

LogicalResult FlipOp::verify() {
  if (getSource().getType() != getResult().getType())
    return emitOpError("C1: source and result differ in type");
  if (!areAxes(getAxes(), tensorOf(getSource()).getRank(), /*ascending=*/false))
    return emitOpError() << "C2: axes [" << getAxes() << "] are not distinct axes of the source";
  return success();
}

LogicalResult StrideOp::verify() {
  if (failed(requireOneElementType(*this)))
    return failure();
  Shape shape = shapeOf(getSource());
  if (getStrides().size() != shape.size() ||
      llvm::any_of(getStrides(), [](int64_t s) { return s < 1; }))
    return emitOpError() << "C2: strides [" << getStrides() << "]: expected " << shape.size()
                         << " positive numbers";
  for (size_t i = 0; i < shape.size(); ++i) {
    auto stride = getStrides()[i];
    auto extent = shape[i].isConstant() ? Dim(llvm::divideCeil(shape[i].constant(), stride))
                                        : shape[i].dividedBy(stride);
    if (!extent)
      return emitOpError() << "C3: axis " << i << ": extent " << shape[i].str()
                           << " is not a multiple of the stride " << stride;
    shape[i] = *extent;
  }
  return requireShape(*this, "C3", getResult(), shape);
}

LogicalResult WindowOp::verify() {
  if (failed(requireOneElementType(*this)))
    return failure();
  Shape shape = shapeOf(getSource());
  auto axis = static_cast<int64_t>(getAxis()), size = static_cast<int64_t>(getSize());
  auto step = static_cast<int64_t>(getStep()), dilation = static_cast<int64_t>(getDilation());
  if (axis < 0 || axis >= static_cast<int64_t>(shape.size()) || size < 1 || step < 1 ||
      dilation < 1)
    return emitOpError() << "C2: axis " << axis << ", size " << size << ", step " << step
                         << ", dilation " << dilation
                         << ": expected an axis of the source and positive numbers";
  Dim &extent = shape[static_cast<size_t>(axis)];
  Dim room = extent - (size - 1) * dilation - 1; // of the first element of a window, from 0
  if (room.isConstant() && room.constant() < 0)
    return emitOpError() << "C3: extent " << extent.str() << " has no room for a window";
  auto last = room.isConstant() ? Dim(room.constant() / step) : room.dividedBy(step);
  if (!last)
    return emitOpError() << "C3: " << room.str() << " is not a multiple of the step " << step;
  extent = *last + 1;
  shape.push_back(size);
  return requireShape(*this, "C3", getResult(), shape);
}

LogicalResult ConcatOp::verify() {
  Shape wanted = shapeOf(getResult());
  auto axis = static_cast<int64_t>(getAxis());
  if (axis < 0 || axis >= static_cast<int64_t>(wanted.size()) || getSources().empty())
    return emitOpError() << "C1: axis " << axis << " of " << getSources().size()
                         << " sources of rank " << wanted.size();
  Dim sum(0);
  for (Value source : getSources()) {
    Shape shape = shapeOf(source);
    if (shape.size() != wanted.size() ||
        tensorOf(source).getElementType() != tensorOf(getResult()).getElementType())
      return emitOpError() << "C2: a source is " << source.getType() << ", the result "
                           << getResult().getType();
    sum = sum + shape[axis];
    shape[axis] = wanted[axis];
    if (shape != wanted)
      return emitOpError() << "C3: a source is " << source.getType() << ", the result "
                           << getResult().getType();
  }
  if (sum != wanted[axis])
    return emitOpError() << "C4: sources have " << sum.str() << " at axis " << axis
                         << ", the result " << wanted[axis].str();
  return success();
}

LogicalResult GatherOp::verify() {
  Shape table = shapeOf(getTable()), wanted = shapeOf(getIndex());
  if (table.empty())
    return emitOpError("C1: the table is a scalar");
  wanted.insert(wanted.end(), table.begin() + 1, table.end());
  if (failed(requireShape(*this, "C1", getResult(), wanted)))
    return failure();
  Type from = tensorOf(getTable()).getElementType(), to = tensorOf(getResult()).getElementType();
  if (formatOf(from) ? !llvm::isa<FloatType>(to) : from != to)
    return emitOpError() << "C2: the table has elements " << from << ", the result " << to;
  if (formatOf(from) && table.size() != 2)
    return emitOpError() << "C3: a quantised table of rank " << table.size();
  return requireWholeBlocks(*this, "C3", getTable());
}

//===-- reductions -------------------------------------------------------------------------------//

static LogicalResult verifyReduced(Operation *op, llvm::ArrayRef<int64_t> axes) {
  Shape shape = shapeOf(op->getOperand(0));
  for (int64_t axis : axes)
    shape[axis] = Dim(1);
  return requireShape(op, "C2", op->getResult(0), shape);
}

template <typename ReduceOp> static LogicalResult verifyReduce(ReduceOp op) {
  if (!areAxes(op.getAxes(), tensorOf(op.getSource()).getRank(), /*ascending=*/true))
    return op.emitOpError() << "C1: axes [" << op.getAxes()
                            << "] are not ascending axes of the source";
  if (failed(verifyReduced(op, op.getAxes())))
    return failure();
  if (tensorOf(op.getSource()).getElementType() != tensorOf(op.getResult()).getElementType())
    return op.emitOpError("C3: source and result differ in element type");
  return success();
}

LogicalResult ReduceSumOp::verify() { return verifyReduce(*this); }
LogicalResult ReduceProdOp::verify() { return verifyReduce(*this); }
LogicalResult ReduceMaxOp::verify() { return verifyReduce(*this); }
LogicalResult ReduceMinOp::verify() { return verifyReduce(*this); }

LogicalResult ArgMaxOp::verify() {
  if (getAxes().size() != 1 || !areAxes(getAxes(), tensorOf(getSource()).getRank(), true))
    return emitOpError() << "C1: axes [" << getAxes() << "] are not one axis of the source";
  return verifyReduced(*this, getAxes());
}

LogicalResult TopKOp::verify() {
  Shape shape = shapeOf(getSource());
  VarTable vars = varsOf(*this);
  auto k = static_cast<int64_t>(getK());
  if (shape.empty() || k < 1 || !isBounded(shape.back(), vars) || shape.back().min(vars) < k)
    return emitOpError() << "C1: k is " << k << " of extents " << text(shape);
  shape.back() = Dim(k);
  return requireShape(*this, "C2", getResult(), shape);
}

//===-- scans and scatter ------------------------------------------------------------------------//

template <typename ScanOp> static LogicalResult verifyScan(ScanOp op) {
  auto axis = static_cast<int64_t>(op.getAxis());
  if (axis < 0 || axis >= tensorOf(op.getSource()).getRank())
    return op.emitOpError() << "C2: axis " << axis << " of a source of rank "
                            << tensorOf(op.getSource()).getRank();
  return success();
}

LogicalResult CumSumOp::verify() { return verifyScan(*this); }
LogicalResult CumProdOp::verify() { return verifyScan(*this); }
LogicalResult CumMaxOp::verify() { return verifyScan(*this); }
LogicalResult CumMinOp::verify() { return verifyScan(*this); }

LogicalResult ScatterOp::verify() {
  if (!llvm::is_contained({"set", "sum", "prod", "max", "min"}, getCombine()))
    return emitOpError() << "C2: combine is '" << getCombine()
                         << "', expected set, sum, prod, max or min";
  Shape base = shapeOf(getBase()), wanted = shapeOf(getIndex());
  if (base.empty())
    return emitOpError("C3: the base is a scalar");
  wanted.insert(wanted.end(), base.begin() + 1, base.end());
  if (shapeOf(getUpdates()) != wanted ||
      tensorOf(getUpdates()).getElementType() != tensorOf(getBase()).getElementType())
    return emitOpError() << "C3: updates are " << getUpdates().getType() << ", expected extents "
                         << text(wanted);
  return success();
}

//===-- contractions -----------------------------------------------------------------------------//

LogicalResult DequantOp::verify() {
  if (failed(requireShape(*this, "C1", getResult(), shapeOf(getSource()))))
    return failure();
  return requireWholeBlocks(*this, "C2", getSource());
}

LogicalResult QuantizeOp::verify() {
  if (failed(requireShape(*this, "C1", getResult(), shapeOf(getSource()))))
    return failure();
  return requireWholeBlocks(*this, "C2", getResult());
}

LogicalResult LinearOp::verify() {
  Shape wanted = shapeOf(getSource()), weight = shapeOf(getWeight());
  if (weight.size() != 2 || wanted.empty() || weight[1] != wanted.back() || !weight[1].isConstant())
    return emitOpError() << "C1: source has extents " << text(wanted) << ", weight "
                         << text(weight);
  wanted.back() = weight[0];
  if (failed(requireShape(*this, "C2", getResult(), wanted)) ||
      failed(requireWholeBlocks(*this, "C3", getSource())) ||
      failed(requireWholeBlocks(*this, "C3", getWeight())))
    return failure();
  if (formatOf(tensorOf(getSource()).getElementType()) &&
      !formatOf(tensorOf(getWeight()).getElementType()))
    return emitOpError("C4: a quantised source meets a dense weight");
  return success();
}

LogicalResult MatmulOp::verify() {
  Shape lhs = shapeOf(getLhs()), rhs = shapeOf(getRhs());
  size_t rank = lhs.size();
  if (rank < 2 || rhs.size() != rank)
    return emitOpError() << "C1: operands have extents " << text(lhs) << " and " << text(rhs);
  Type element = tensorOf(getResult()).getElementType();
  for (Value operand : getOperands())
    if (tensorOf(operand).getElementType() != element)
      return emitOpError() << "C1: an operand is " << operand.getType() << ", the result "
                           << getResult().getType();
  if (!std::equal(lhs.begin(), lhs.end() - 2, rhs.begin()) || lhs[rank - 1] != rhs[rank - 2])
    return emitOpError() << "C2: operands have extents " << text(lhs) << " and " << text(rhs);
  lhs.back() = rhs.back();
  return requireShape(*this, "C3", getResult(), lhs);
}

LogicalResult AttentionOp::verify() {
  Shape q = shapeOf(getQuery()), k = shapeOf(getKey()), v = shapeOf(getValue());
  if (q.size() != 3 || k.size() != 3 || v.size() != 3 || k[0] != v[0] || k[1] != v[1] ||
      q[2] != k[2])
    return emitOpError() << "C1: q, k and v have extents " << text(q) << ", " << text(k) << " and "
                         << text(v);
  const int64_t kvHeads = k[0].isConstant() ? kvHeadCount() : 0;
  if (!q[0].isConstant() || kvHeads < 1 || q[0].constant() % kvHeads != 0)
    return emitOpError() << "C2: " << q[0].str() << " heads over " << kvHeads << " key/value heads";
  VarTable vars = varsOf(*this);
  if (getKvHeads().has_value() != getFirstHead().has_value())
    return emitOpError() << "C7: kv_heads and first_head come together";
  if (getFirstHead()) {
    auto first =
        readForms(*this, "C7", ArrayAttr::get(getContext(), {getFirstHeadAttr()}), 1, vars);
    if (failed(first))
      return failure();
    if (failed(requireInside(*this, "C7", *first, {Dim(kvHeads)}, {k[0]}, vars)))
      return failure();
  }
  auto forms = ArrayAttr::get(getContext(), {getLengthAttr()});
  auto length = readForms(*this, "C3", forms, 1, vars);
  if (failed(length))
    return failure();
  Dim room = k[1] - length->front();
  if (!isBounded(room, vars) || room.max(vars) < 0 || length->front().min(vars) < 1)
    return emitOpError() << "C3: length " << length->front().str() << " of " << k[1].str()
                         << " positions";
  if (failed(requireShape(*this, "C4", getResult(), {q[0], q[1], v[2]})))
    return failure();
  if (getMask()) {
    Shape mask = shapeOf(getMask());
    if (mask != Shape{q[1], length->front()} && mask != Shape{q[0], q[1], length->front()})
      return emitOpError() << "C5: mask has extents " << text(mask) << ", expected [" << q[1].str()
                           << ", " << length->front().str() << "]";
  }
  if (failed(requireWholeBlocks(*this, "C6", getKey())))
    return failure();
  return requireWholeBlocks(*this, "C6", getValue());
}

//===-- state ------------------------------------------------------------------------------------//

LogicalResult UpdateOp::verify() {
  VarTable vars = varsOf(*this);
  Shape state = shapeOf(getState()), value = shapeOf(getValue());
  auto begin = readForms(*this, "C2", getBegin(), state.size(), vars);
  if (failed(begin))
    return failure();
  if (value.size() != state.size())
    return emitOpError() << "C2: state has rank " << state.size() << ", value " << value.size();
  if (failed(requireInside(*this, "C3", *begin, value, state, vars)))
    return failure();
  Type to = tensorOf(getState()).getElementType(), from = tensorOf(getValue()).getElementType();
  if (formatOf(to) ? !llvm::isa<FloatType>(from) : from != to)
    return emitOpError() << "C4: state has elements " << to << ", value " << from;
  if (formatOf(to) && (state.empty() || begin->back() != Dim(0) || value.back() != state.back()))
    return emitOpError() << "C4: a value of extents " << text(value)
                         << " does not fill rows of a state of extents " << text(state);
  return requireWholeBlocks(*this, "C4", getState());
}

} // namespace rosso

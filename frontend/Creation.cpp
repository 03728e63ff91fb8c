// Tensors out of nothing: leaves, constants, sequences; and states, which are leaves that change.

#include "frontend/Build.h"
#include "frontend/Capture.h"

#include <algorithm>
#include <cmath>

namespace rosso {

using namespace build;

namespace {

const Shape kNoShape;

Status checkExtents(const std::string &where, const Shape &shape) {
  for (const Dim &extent : shape)
    if (extent.isConstant() && extent.constant() < 0)
      return badInput(where + ": extent " + extent.str() + " in " + str(shape) +
                      "; expected 0 or more");
  return {};
}

Tensor namedLeaf(Op op, std::string name, Shape shape, DType dtype,
                 const QuantFormat *format = nullptr) {
  std::string where = std::string(mnemonic(op)) + " '" + name + "'";
  if (name.empty())
    return failed(where, "expected a name");
  if (Status status = checkExtents(where, shape); !status)
    return failed(status.error());
  return make(op, dtype, std::move(shape), {}, {{"name", std::move(name)}}, format);
}

Tensor quantizedLeaf(Op op, std::string name, Shape shape, const QuantFormat &format) {
  if (format.isFloat()) {
    if (auto dtype = findDType(format.name))
      return namedLeaf(op, std::move(name), std::move(shape), *dtype);
  }
  std::string where = std::string(mnemonic(op)) + " '" + name + "'";
  if (shape.empty() || !shape.back().dividedBy(format.blockLen))
    return failed(where, "rows of " + str(shape) + " are not a multiple of the " +
                             std::string(format.name) + " block length " +
                             std::to_string(format.blockLen) + "; store this tensor as f16");
  return namedLeaf(op, std::move(name), std::move(shape), DType::F32, &format);
}

/// [rows, columns] of bool: whether column >= row + diagonal.
Tensor onOrAboveDiagonal(const Dim &rows, const Dim &columns, const Dim &diagonal) {
  Tensor row = Tensor::arange(rows).reshape({rows, 1});
  if (!(diagonal == Dim(0)))
    row = row + Tensor::variable(diagonal);
  return row <= Tensor::arange(columns).reshape({1, columns});
}

} // namespace

NodeRef Tensor::scalarNode(bool value) {
  return constant(static_cast<int64_t>(value), DType::Bool).node();
}

NodeRef Tensor::scalarNode(int64_t value) {
  bool fits = value >= INT32_MIN && value <= INT32_MAX;
  return constant(value, fits ? DType::I32 : DType::I64).node();
}

NodeRef Tensor::scalarNode(double value) {
  // Kept in full: a weak scalar may yet become an f64.
  return make(Op::Constant, DType::F32, {}, {}, {{"value", value}}).node();
}

Status Tensor::status() const {
  if (!node_)
    return *failed("tensor", "an empty tensor was used; give it a value first").node()->error;
  return node_->error ? Status(*node_->error) : Status();
}

const Shape &Tensor::shape() const { return node_ ? node_->shape : kNoShape; }

DType Tensor::dtype() const { return float8_ ? *float8_ : node_ ? node_->dtype : DType::F32; }

Dim Tensor::size(int axis) const {
  auto at = resolveAxis(axis, ndim());
  return at ? shape()[static_cast<size_t>(*at)] : Dim(0);
}

Tensor Tensor::weight(std::string name, Shape shape, DType dtype) {
  return namedLeaf(Op::Weight, std::move(name), std::move(shape), dtype);
}

Tensor Tensor::weight(std::string name, Shape shape, const QuantFormat &format) {
  return quantizedLeaf(Op::Weight, std::move(name), std::move(shape), format);
}

Tensor Tensor::state(std::string name, Shape shape, DType dtype) {
  return namedLeaf(Op::State, std::move(name), std::move(shape), dtype);
}

Tensor Tensor::state(std::string name, Shape shape, const QuantFormat &format) {
  return quantizedLeaf(Op::State, std::move(name), std::move(shape), format);
}

Tensor Tensor::input(std::string name, Shape shape, DType dtype) {
  return namedLeaf(Op::Input, std::move(name), std::move(shape), dtype);
}

Tensor Tensor::fromBytes(std::span<const uint8_t> bytes, Shape shape, DType dtype) {
  auto count = elementCount(shape);
  if (!count || !count->isConstant())
    return failed("fromData", "shape " + str(shape) + "; expected constant extents");
  if (Status status = checkExtents("fromData", shape); !status)
    return failed(status.error());
  uint64_t found = bytes.size() / byteSize(dtype);
  if (bytes.size() != static_cast<uint64_t>(count->constant()) * byteSize(dtype))
    return failed("fromData", std::to_string(found) + " elements of " +
                                  std::string(rosso::name(dtype)) + " for the shape " + str(shape) +
                                  "; expected " + count->str());
  Tensor leaf = make(Op::Buffer, dtype, std::move(shape));
  auto storage = Storage::copyOf(bytes, nullptr);
  if (!storage)
    return failed(storage.error());
  becomeBuffer(*leaf.node(), *std::move(storage)); // nobody else has seen it yet
  return leaf;
}

Tensor Tensor::fromStorage(std::shared_ptr<Storage> storage, Shape shape, DType dtype) {
  Tensor leaf = make(Op::Buffer, dtype, std::move(shape));
  becomeBuffer(*leaf.node(), std::move(storage));
  return leaf;
}

Tensor Tensor::fromStorage(std::shared_ptr<Storage> storage, Shape shape,
                           const QuantFormat &format) {
  if (format.isFloat())
    if (auto dtype = findDType(format.name))
      return fromStorage(std::move(storage), std::move(shape), *dtype);
  if (shape.empty() || !shape.back().dividedBy(format.blockLen))
    return failed("fromStorage", "rows of " + str(shape) + " are not a multiple of the " +
                                     std::string(format.name) + " block length " +
                                     std::to_string(format.blockLen));
  Tensor leaf = make(Op::Buffer, DType::F32, std::move(shape), {}, {}, &format);
  becomeBuffer(*leaf.node(), std::move(storage));
  return leaf;
}

Tensor Tensor::variable(const Dim &value) {
  if (value.isConstant())
    return constant(value.constant(), DType::I32);
  return make(Op::Variable, DType::I32, {}, {}, {{"value", Shape{value}}});
}

namespace {

/// What is written to a view of a constant is written to the constant: it gets memory then. Inside
/// of a capture it is made anew at every call, and nothing is written but the handle.
void promiseMemory(const Tensor &filled) {
  const Node *at = filled.node().get();
  while (isMovement(at->op))
    at = at->sources[0].get();
  const bool isFixed = std::ranges::all_of(filled.shape(), &Dim::isConstant);
  if (at->op == Op::Constant && filled.ndim() > 0 && isFixed && !Capture::current())
    const_cast<Node &>(*filled.node()).storage = Storage::promised(); // nobody has seen it yet
}

} // namespace

Tensor Tensor::full(Shape shape, Tensor value) {
  if (auto bad = firstBad({value}))
    return *bad;
  if (Status status = checkExtents("full", shape); !status)
    return failed(status.error());
  Tensor filled = promote(value, value.dtype()).expand(std::move(shape));
  promiseMemory(filled);
  return filled;
}

Tensor Tensor::full(Shape shape, Tensor value, DType dtype) {
  if (auto bad = firstBad({value}))
    return *bad;
  return full(std::move(shape), promote(value, dtype));
}

Tensor Tensor::zeros(Shape shape, DType dtype) { return full(std::move(shape), 0, dtype); }

Tensor Tensor::ones(Shape shape, DType dtype) { return full(std::move(shape), 1, dtype); }

Tensor Tensor::fullLike(Tensor value) const {
  if (auto bad = firstBad({*this, value}))
    return *bad;
  return full(shape(), std::move(value), dtype());
}

Tensor Tensor::fullLike(Tensor value, DType dtype) const {
  if (auto bad = firstBad({*this, value}))
    return *bad;
  return full(shape(), std::move(value), dtype);
}

Tensor Tensor::arange(const Dim &stop, DType dtype) {
  if (surelyNegative(stop))
    return make(Op::Iota, DType::I32, {0}).cast(dtype);
  return make(Op::Iota, DType::I32, {stop}).cast(dtype);
}

Tensor Tensor::arange(int64_t start, int64_t stop, int64_t step, DType dtype) {
  if (step == 0)
    return failed("arange", "step 0; expected another number");
  int64_t distance = step > 0 ? stop - start : start - stop;
  int64_t stride = step > 0 ? step : -step;
  int64_t count = distance > 0 ? (distance + stride - 1) / stride : 0;
  Tensor sequence = arange(Dim(count), isFloat(dtype) ? DType::I64 : dtype);
  if (step != 1)
    sequence = sequence * step;
  return (start == 0 ? sequence : sequence + start).cast(dtype);
}

Tensor Tensor::arangeReal(double start, double stop, double step, DType dtype) {
  double count = std::ceil((stop - start) / step);
  if (!std::isfinite(count) || count > INT32_MAX)
    return failed("arange", "from " + std::to_string(start) + " to " + std::to_string(stop) +
                                " by " + std::to_string(step) + "; expected a finite count");
  DType working = leastUpperDType(floatDType(dtype), DType::F32);
  Tensor number = arange(Dim(static_cast<int64_t>(std::max(count, 0.0))), working);
  return (number * step + start).cast(dtype);
}

Tensor Tensor::linspace(double start, double stop, int64_t steps, DType dtype) {
  if (steps < 0)
    return failed("linspace", std::to_string(steps) + " steps; expected 0 or more");
  DType working = leastUpperDType(floatDType(dtype), DType::F32);
  double gap = steps > 1 ? (stop - start) / static_cast<double>(steps - 1) : 0;
  return (arange(Dim(steps), working) * gap + start).cast(dtype);
}

Tensor Tensor::eye(const Dim &n, std::optional<Dim> m, DType dtype) {
  Dim columns = m.value_or(n);
  return arange(n).reshape({n, 1}).eq(arange(columns).reshape({1, columns})).cast(dtype);
}

Tensor Tensor::tril(const Dim &diagonal) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (ndim() < 2)
    return failed("tril", "a tensor " + str(shape()) + "; expected two axes or more");
  return onOrAboveDiagonal(size(-2), size(-1), diagonal + 1).where(zerosLike(), *this);
}

Tensor Tensor::triu(const Dim &diagonal) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (ndim() < 2)
    return failed("triu", "a tensor " + str(shape()) + "; expected two axes or more");
  return onOrAboveDiagonal(size(-2), size(-1), diagonal).where(*this, zerosLike());
}

std::vector<Tensor> Tensor::meshgrid(const std::vector<Tensor> &axes, Grid order) {
  if (auto bad = firstBad(axes))
    return {*bad};
  if (axes.size() < 2)
    return axes;
  Shape grid(axes.size(), 1);
  std::vector<size_t> places(axes.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    places[i] = order == Grid::Xy && i < 2 ? 1 - i : i;
    if (axes[i].ndim() > 1)
      return {failed("meshgrid", "an axis " + str(axes[i].shape()) + "; expected a vector")};
    grid[places[i]] = axes[i].ndim() ? axes[i].size(0) : Dim(1);
  }
  std::vector<Tensor> coordinates;
  for (size_t i = 0; i < axes.size(); ++i) {
    Shape alone(grid.size(), 1);
    alone[places[i]] = grid[places[i]];
    coordinates.push_back(axes[i].reshape(std::move(alone)).expand(grid));
  }
  return coordinates;
}

Tensor Tensor::assign(const Shape &begin, const Tensor &value) const {
  if (auto bad = firstBad({*this, value}))
    return *bad;
  if (node_->op != Op::State && node_->op != Op::Update)
    return failed("assign", "the target is a " + std::string(mnemonic(node_->op)) +
                                "; expected a state or the result of an earlier assign");
  if (begin.size() != shape().size() || value.shape().size() != shape().size())
    return failed("assign", "a value " + str(value.shape()) + " at " + str(begin) +
                                " into a state " + str(shape()) + "; expected equal ranks");
  for (size_t i = 0; i < begin.size(); ++i)
    if (surelyNegative(begin[i]) || surelyNegative(shape()[i] - begin[i] - value.shape()[i]))
      return failed("assign", "a value " + str(value.shape()) + " at " + str(begin) +
                                  " does not fit into a state " + str(shape()) + " on axis " +
                                  std::to_string(i));
  if (isQuantized() && !(begin.back() == Dim(0) && value.shape().back() == shape().back()))
    return failed("assign", "a value " + str(value.shape()) + " at " + str(begin) +
                                " into a quantised state " + str(shape()) +
                                "; expected whole rows");
  return make(Op::Update, dtype(), shape(), {*this, promote(value, dtype())}, {{"begin", begin}},
              node_->format);
}

Tensor Tensor::assign(const Tensor &value) const {
  if (auto bad = firstBad({*this, value}))
    return *bad;
  auto target = broadcastShape("assign", value.shape(), shape());
  if (!target || *target != shape())
    return failed("assign", "a value " + str(value.shape()) + " for a state " + str(shape()) +
                                "; expected a shape that broadcasts to the state's");
  return assign(Shape(shape().size(), 0), broadcastTo(promote(value, dtype()), shape()));
}

GraphEntry makeEntry(std::string name, const std::vector<std::pair<std::string, Tensor>> &outputs) {
  GraphEntry entry{std::move(name), {}};
  for (const auto &[output, tensor] : outputs)
    entry.outputs.emplace_back(output, tensor.node());
  return entry;
}

} // namespace rosso

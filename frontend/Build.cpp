#include "frontend/Build.h"

#include "frontend/Capture.h"
#include "frontend/FileMemory.h"

#include <algorithm>
#include <atomic>
#include <cmath>

namespace rosso::build {

namespace {

// Only for debugging: what a program stores comes from numberNodes.
std::atomic<uint64_t> nextId{0};

std::shared_ptr<Node> newNode(Op op) {
  auto node = std::make_shared<Node>();
  node->op = op;
  node->id = nextId.fetch_add(1, std::memory_order_relaxed);
  return node;
}

/// Whether the op's source `index` is taken as it is stored.
bool takesBlocks(Op op, size_t index) {
  return op == Op::Dequant || (op == Op::Update && index == 0);
}

/// A movement of memory that exists is a view of it; other ops want its content of this moment.
void lookAtMemory(const std::shared_ptr<Node> &node) {
  for (const NodeRef &source : node->sources)
    if (source->storage) {
      if (isMovement(node->op))
        node->storage = source->storage;
      else
        source->storage->addReader(node);
    }
}

} // namespace

Tensor failed(const Error &error) {
  auto node = newNode(Op::Constant);
  node->error = error;
  return Tensor(node);
}

Tensor failed(std::string_view where, std::string message) {
  return failed(badInput(std::string(where) + ": " + std::move(message)));
}

std::optional<Tensor> firstBad(const std::vector<Tensor> &sources) {
  for (const Tensor &t : sources) {
    if (!t.defined())
      return failed("tensor", "an empty tensor was used; give it a value first");
    if (!t.ok())
      return t;
  }
  return std::nullopt;
}

std::optional<Tensor> firstBad(std::initializer_list<Tensor> sources) {
  return firstBad(std::vector<Tensor>(sources));
}

Tensor make(Op op, DType dtype, Shape shape, const std::vector<Tensor> &sources, Attrs attrs,
            const QuantFormat *format) {
  if (auto bad = firstBad(sources))
    return *bad;
  auto isOfFloat8 = [](const Tensor &source) { return isFloat8(source.dtype()); };
  if (isFloat8(dtype) || std::any_of(sources.begin(), sources.end(), isOfFloat8))
    return makeOfFloat8(op, dtype, std::move(shape), sources, std::move(attrs));
  auto node = newNode(op);
  node->dtype = dtype;
  node->format = format;
  node->shape = std::move(shape);
  node->isOpen = op == Op::Weight || op == Op::State || op == Op::Input;
  node->sources.reserve(sources.size());
  for (size_t i = 0; i < sources.size(); ++i) {
    const Tensor &source = sources[i];
    if (source.isWeak())
      node->sources.push_back(promote(source, source.dtype()).node());
    else if (source.isQuantized() && !takesBlocks(op, i))
      node->sources.push_back(source.dequant(source.dtype()).node());
    else
      node->sources.push_back(valueNow(source.node()));
    const Node &from = *node->sources.back();
    node->isOpen = node->isOpen || from.isOpen;
    if (from.device && node->device && from.device != node->device)
      return failed(mnemonic(op), "operands on the devices " + *node->device + " and " +
                                      *from.device + "; move one with to()");
    node->device = node->device ? node->device : from.device;
  }
  if (isFile(node->device) && !isMovement(op))
    return failed(unsupported(std::string(mnemonic(op)) + ": " + *node->device +
                              " is a file, and nothing is computed there; move the tensor with " +
                              "to() first"));
  lookAtMemory(node);
  std::sort(attrs.begin(), attrs.end(),
            [](const auto &a, const auto &b) { return a.first < b.first; });
  node->attrs = std::move(attrs);
  auto isWeak = [](const Tensor &source) { return source.isWeak(); };
  bool staysWeak = (isMovement(op) || op == Op::Pad || op == Op::Window || op == Op::Concat) &&
                   std::all_of(sources.begin(), sources.end(), isWeak);
  return Tensor(node).asWeak(staysWeak);
}

Tensor constant(int64_t value, DType dtype) {
  if (isFloat(dtype))
    return constant(static_cast<double>(value), dtype);
  return make(Op::Constant, dtype, {}, {}, {{"value", wrapped(value, dtype)}});
}

Tensor constant(double value, DType dtype) {
  if (dtype == DType::Bool)
    return constant(static_cast<int64_t>(value != 0), dtype);
  if (!isFloat(dtype)) {
    // C++ leaves conversions out of range undefined; 2^63 and beyond are u64's.
    double whole = std::isnan(value) ? 0 : std::trunc(value);
    bool beyond = whole >= 0x1p63;
    double low = std::clamp(beyond ? whole - 0x1p64 : whole, -0x1p63, 0x1.fffffffffffffp62);
    return constant(static_cast<int64_t>(low), dtype);
  }
  return make(Op::Constant, dtype, {}, {}, {{"value", value}}); // rounded where it is used
}

std::optional<int> resolveAxis(int axis, int rank) {
  int resolved = axis < 0 ? axis + rank : axis;
  if (resolved < 0 || resolved >= rank)
    return std::nullopt;
  return resolved;
}

Tensor badAxis(std::string_view where, int axis, const Shape &shape) {
  int rank = static_cast<int>(shape.size());
  std::string wanted =
      rank == 0 ? "a scalar has no axes"
                : "expected " + std::to_string(-rank) + " to " + std::to_string(rank - 1);
  return failed(where,
                "axis " + std::to_string(axis) + " of a tensor " + str(shape) + "; " + wanted);
}

Result<std::vector<int>> resolveAxes(std::string_view where, const Axes &axes, const Shape &shape) {
  int rank = static_cast<int>(shape.size());
  std::vector<int> resolved;
  if (axes.all) {
    for (int i = 0; i < rank; ++i)
      resolved.push_back(i);
    return resolved;
  }
  for (int axis : axes.list) {
    auto at = resolveAxis(axis, rank);
    if (!at && rank == 0 && (axis == 0 || axis == -1))
      continue; // as in tinygrad, a scalar is its own reduction
    if (!at)
      return *badAxis(where, axis, shape).node()->error;
    resolved.push_back(*at);
  }
  std::sort(resolved.begin(), resolved.end());
  resolved.erase(std::unique(resolved.begin(), resolved.end()), resolved.end());
  return resolved;
}

Result<Shape> broadcastShape(std::string_view where, const Shape &a, const Shape &b) {
  size_t rank = std::max(a.size(), b.size());
  Shape shape(rank, 1);
  for (size_t i = 0; i < rank; ++i) { // counted from the last axis
    Dim x = i < a.size() ? a[a.size() - 1 - i] : Dim(1);
    Dim y = i < b.size() ? b[b.size() - 1 - i] : Dim(1);
    if (!(x == y) && !(x == Dim(1)) && !(y == Dim(1)))
      return badInput(std::string(where) + ": shapes " + str(a) + " and " + str(b) +
                      " do not broadcast: " + x.str() + " meets " + y.str() +
                      "; expected equal extents or 1");
    shape[rank - 1 - i] = x == Dim(1) ? y : x;
  }
  return shape;
}

Tensor broadcastTo(const Tensor &t, const Shape &shape) {
  if (t.shape() == shape)
    return t;
  Shape aligned(shape.size() - t.shape().size(), 1);
  aligned.insert(aligned.end(), t.shape().begin(), t.shape().end());
  Tensor reshaped = aligned == t.shape() ? t : make(Op::Reshape, t.dtype(), aligned, {t});
  return aligned == shape ? reshaped : make(Op::Expand, t.dtype(), shape, {reshaped});
}

Tensor promote(const Tensor &t, DType to) {
  if (!t.isWeak() || t.node()->op != Op::Constant)
    return t.cast(to);
  const Attr &value = *t.node()->find("value");
  if (const double *number = std::get_if<double>(&value))
    return constant(*number, to);
  return constant(std::get<int64_t>(value), to);
}

DType commonDType(const Tensor &a, const Tensor &b) {
  if (a.isWeak() == b.isWeak())
    return leastUpperDType(a.dtype(), b.dtype());
  const Tensor &weak = a.isWeak() ? a : b;
  DType strong = (a.isWeak() ? b : a).dtype();
  if (weak.dtype() == DType::Bool || isFloat(strong))
    return strong;
  if (isFloat(weak.dtype()))
    return weak.dtype(); // f32: the default float
  return strong == DType::Bool ? weak.dtype() : strong;
}

bool meetWeakly(const Tensor &a, const Tensor &b) {
  DType common = commonDType(a, b);
  auto chooses = [&](const Tensor &t) { // the width, being of the kind of the result
    return !t.isWeak() && t.dtype() != DType::Bool && isFloat(t.dtype()) == isFloat(common);
  };
  return common != DType::Bool && !chooses(a) && !chooses(b);
}

Result<std::array<Tensor, 2>> broadcasted(std::string_view where, const Tensor &a,
                                          const Tensor &b) {
  if (auto bad = firstBad({a, b}))
    return *bad->node()->error;
  ROSSO_TRY(Shape shape, broadcastShape(where, a.shape(), b.shape()));
  DType dtype = commonDType(a, b);
  return std::array{broadcastTo(promote(a, dtype), shape), broadcastTo(promote(b, dtype), shape)};
}

bool surelyNegative(const Dim &dim) { return dim.isConstant() && dim.constant() < 0; }

Dim fromFront(const Dim &position, const Dim &extent) {
  return surelyNegative(position) ? position + extent : position;
}

Dim clampedTo(const Dim &position, const Dim &extent) {
  if (!position.isConstant() || !extent.isConstant())
    return position;
  return std::clamp<int64_t>(position.constant(), 0, extent.constant());
}

std::vector<Range> wholeRanges(const Shape &shape) {
  std::vector<Range> ranges;
  for (const Dim &extent : shape)
    ranges.push_back({0, extent});
  return ranges;
}

Tensor counting(const Dim &extent, size_t axis, size_t rank) {
  Shape shape(rank, 1);
  shape[axis] = extent;
  return Tensor::arange(extent).reshape(std::move(shape));
}

Tensor countAlong(const Shape &shape, const std::vector<int> &axes) {
  Tensor count;
  Shape extents;
  for (int axis : axes)
    extents.push_back(shape[static_cast<size_t>(axis)]);
  if (auto product = elementCount(extents)) {
    return product->isConstant() ? constant(static_cast<double>(product->constant()), DType::F32)
                                 : Tensor::variable(*product).cast(DType::F32);
  }
  count = constant(1.0, DType::F32);
  for (const Dim &extent : extents)
    count = count * Tensor::variable(extent).cast(DType::F32);
  return count;
}

Tensor scan(Op op, const Tensor &t, int axis) {
  if (auto bad = firstBad({t}))
    return *bad;
  if (t.ndim() == 0)
    return t;
  auto at = resolveAxis(axis, t.ndim());
  if (!at)
    return badAxis(mnemonic(op), axis, t.shape());
  return make(op, t.dtype(), t.shape(), {t}, {{"axis", static_cast<int64_t>(*at)}});
}

Tensor scatterRows(const Tensor &base, const Tensor &index, const Tensor &updates,
                   std::string combine) {
  if (auto bad = firstBad({base, index, updates}))
    return *bad;
  Shape wanted = index.shape();
  if (base.ndim() > 0)
    wanted.insert(wanted.end(), base.shape().begin() + 1, base.shape().end());
  if (base.ndim() == 0 || isFloat(index.dtype()) || updates.shape() != wanted ||
      updates.dtype() != base.dtype())
    return failed("scatter", str(updates.shape()) + " of " + std::string(name(updates.dtype())) +
                                 " into " + str(base.shape()) + " of " +
                                 std::string(name(base.dtype())) + " at " + str(index.shape()) +
                                 "; expected integers, and " + str(wanted) + " of the base's type");
  return make(Op::Scatter, base.dtype(), base.shape(), {base, index.cast(DType::I32), updates},
              {{"combine", std::move(combine)}});
}

} // namespace rosso::build

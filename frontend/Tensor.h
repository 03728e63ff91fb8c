// The lazy tensor: what models are written in. Every method records nodes; nothing computes.
//
// Names and meaning are tinygrad's, in lowerCamel: broadcasting, type promotion, defaults, axes
// that count from the end when negative. Extents are `Dim`s, so a shape may contain variables, and
// all shape inference works on them. Numbers written in C++ are weak: `x * 2.5` keeps the type of a
// float x.
//
// A bad call does not throw: the result carries the error of the first bad call ("reshape: ..."),
// whatever is computed from it carries the same error, and `realize` or the compiler returns it.
//
// A quantised tensor stands for its values: every op reads it through an implicit `dequant()`.
// The files beside this one group the methods by idea: Creation.cpp, Elementwise.cpp,
// Activations.cpp, Movement.cpp, Indexing.cpp, Reduce.cpp, Contraction.cpp, Nn.cpp, Random.cpp.
#pragma once

#include "frontend/Graph.h"
#include "frontend/HostTensor.h"
#include "frontend/Variable.h"

#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace rosso {

/// The axes of a reduction: one, several, or (by default) all.
struct Axes {
  Axes() : all(true) {}
  Axes(int axis) : list{axis} {}
  Axes(std::initializer_list<int> axes) : list(axes) {}
  Axes(std::vector<int> axes) : list(std::move(axes)) {}
  std::vector<int> list;
  bool all = false;
};

/// [begin, end) of one axis. Constants count from the end when negative, as in Python.
struct Range {
  Dim begin, end;
};

/// Extents put before and after one axis.
struct Padding {
  Dim before = 0, after = 0;
};

/// Which elements of a head form the pairs that rope turns.
enum class RopeStyle {
  Neox,       // i and i + d/2
  Interleaved // 2i and 2i + 1
};

class Tensor {
public:
  Tensor() = default; // nothing; using it is an error that the result carries
  explicit Tensor(NodeRef node) : node_(std::move(node)) {}
  /// A weak scalar: takes the type of what it meets, if that can hold its kind of number.
  template <typename T>
    requires std::is_arithmetic_v<T>
  Tensor(T value) : weak_(true) {
    if constexpr (std::is_floating_point_v<T>)
      node_ = scalarNode(static_cast<double>(value));
    else if constexpr (std::is_same_v<T, bool>)
      node_ = scalarNode(value);
    else
      node_ = scalarNode(static_cast<int64_t>(value));
  }

  const NodeRef &node() const { return node_; }
  bool defined() const { return node_ != nullptr; }
  bool ok() const { return node_ && !node_->error; }
  Status status() const;
  const Shape &shape() const;
  DType dtype() const;
  int ndim() const { return static_cast<int>(shape().size()); }
  /// The extent of an axis; 0 where there is none.
  Dim size(int axis) const;
  bool isQuantized() const { return node_ && node_->format; }
  bool isWeak() const { return weak_; }

  // --- leaves: Creation.cpp ---

  /// A weight of the model file, [..., rows, columns]; `format` may be a plain float's (f32, f16,
  /// bf16), which is then just a dtype.
  static Tensor weight(std::string name, Shape shape, DType dtype = DType::F32);
  static Tensor weight(std::string name, Shape shape, const QuantFormat &format);
  /// Memory that outlives a run: zeros at the start of a session, written by `assign`.
  static Tensor state(std::string name, Shape shape, DType dtype = DType::F32);
  static Tensor state(std::string name, Shape shape, const QuantFormat &format);
  /// What the caller writes before each run.
  static Tensor input(std::string name, Shape shape, DType dtype = DType::F32);
  /// Data that exists now; row-major. Compiled programs see it as the weight "buffer:<n>".
  static Tensor fromBytes(std::span<const uint8_t> bytes, Shape shape, DType dtype);
  template <typename T> static Tensor fromData(const std::vector<T> &data, Shape shape) {
    if constexpr (std::is_same_v<T, bool>) {
      std::vector<uint8_t> bytes(data.begin(), data.end());
      return fromBytes(bytes, std::move(shape), DType::Bool);
    } else {
      auto bytes = reinterpret_cast<const uint8_t *>(data.data());
      return fromBytes({bytes, data.size() * sizeof(T)}, std::move(shape), dtypeOf<T>());
    }
  }
  template <typename T> static Tensor fromData(const std::vector<T> &data) {
    return fromData(data, {static_cast<int64_t>(data.size())});
  }
  /// The run-time value of an extent as an i32 scalar.
  static Tensor variable(const Dim &value);

  static Tensor full(Shape shape, Tensor value);
  static Tensor full(Shape shape, Tensor value, DType dtype);
  static Tensor zeros(Shape shape, DType dtype = DType::F32);
  static Tensor ones(Shape shape, DType dtype = DType::F32);
  Tensor fullLike(Tensor value) const;
  Tensor zerosLike() const { return fullLike(0); }
  Tensor onesLike() const { return fullLike(1); }
  /// start, start + step, ... before stop. Only `arange(n)` takes a symbolic extent.
  static Tensor arange(const Dim &stop, DType dtype = DType::I32);
  static Tensor arange(int64_t start, int64_t stop, int64_t step = 1, DType dtype = DType::I32);
  static Tensor linspace(double start, double stop, int64_t steps, DType dtype = DType::F32);
  static Tensor eye(const Dim &n, std::optional<Dim> m = {}, DType dtype = DType::F32);
  /// Keeps what is on or below (above) the diagonal of the last two axes; zero elsewhere.
  Tensor tril(const Dim &diagonal = 0) const;
  Tensor triu(const Dim &diagonal = 0) const;

  // --- types: Elementwise.cpp ---

  Tensor cast(DType to) const;
  Tensor bitcast(DType to) const; // the same byte size
  Tensor toFloat() const { return cast(DType::F32); }
  Tensor half() const { return cast(DType::F16); }
  Tensor toInt() const { return cast(DType::I32); }
  Tensor toBool() const { return cast(DType::Bool); }
  /// The values of a quantised tensor; itself if it is not one.
  Tensor dequant(DType to = DType::F32) const;
  /// The same as a buffer of floats, several times the size of the blocks. Every other use of a
  /// quantised weight reads its blocks, and what cannot do so does not compile.
  Tensor materialize(DType to = DType::F32) const;

  // --- elementwise: Elementwise.cpp ---

  Tensor neg() const;
  Tensor add(const Tensor &other) const;
  Tensor sub(const Tensor &other) const;
  Tensor mul(const Tensor &other) const;
  Tensor div(const Tensor &other) const;      // true division: integers become f32
  Tensor floorDiv(const Tensor &other) const; // Python's //
  Tensor truncDiv(const Tensor &other) const;
  Tensor mod(const Tensor &other) const;  // Python's %: the sign of the divisor
  Tensor fmod(const Tensor &other) const; // C's: the sign of the dividend
  Tensor pow(const Tensor &exponent) const;
  Tensor maximum(const Tensor &other) const;
  Tensor minimum(const Tensor &other) const;
  Tensor lt(const Tensor &other) const;
  Tensor gt(const Tensor &other) const { return other.lt(*this); }
  Tensor le(const Tensor &other) const { return other.lt(*this).logicalNot(); }
  Tensor ge(const Tensor &other) const { return lt(other).logicalNot(); }
  Tensor eq(const Tensor &other) const;
  Tensor ne(const Tensor &other) const;
  Tensor logicalNot() const;
  Tensor bitwiseNot() const;
  Tensor bitwiseAnd(const Tensor &other) const;
  Tensor bitwiseOr(const Tensor &other) const;
  Tensor bitwiseXor(const Tensor &other) const;
  Tensor lshift(const Tensor &bits) const;
  Tensor rshift(const Tensor &bits) const; // arithmetic for signed types
  /// Elements of `yes` where this is true, of `no` elsewhere.
  Tensor where(const Tensor &yes, const Tensor &no) const;
  Tensor maskedFill(const Tensor &mask, const Tensor &value) const;
  Tensor clip(std::optional<Tensor> low, std::optional<Tensor> high) const;
  Tensor clamp(std::optional<Tensor> low, std::optional<Tensor> high) const {
    return clip(std::move(low), std::move(high));
  }
  Tensor abs() const;
  Tensor sign() const;
  Tensor square() const;
  Tensor sqrt() const;
  Tensor rsqrt() const;
  Tensor reciprocal() const;
  Tensor exp() const;
  Tensor exp2() const;
  Tensor log() const;
  Tensor log2() const;
  Tensor log10() const;
  Tensor sin() const;
  Tensor cos() const;
  Tensor tan() const;
  Tensor floor() const;
  Tensor ceil() const;
  Tensor trunc() const;
  Tensor round() const; // half to even
  Tensor isnan() const;
  Tensor isinf() const;
  Tensor isfinite() const;
  Tensor lerp(const Tensor &end, const Tensor &weight) const;
  Tensor logaddexp(const Tensor &other) const;
  Tensor copysign(const Tensor &other) const;

  // --- activations: Activations.cpp ---

  Tensor sigmoid() const;
  Tensor tanh() const;
  Tensor sinh() const;
  Tensor cosh() const;
  Tensor erf() const;
  Tensor relu() const;
  Tensor relu6() const;
  Tensor leakyRelu(double negativeSlope = 0.01) const;
  Tensor elu(double alpha = 1.0) const;
  Tensor celu(double alpha = 1.0) const;
  Tensor selu(double alpha = 1.67326, double gamma = 1.0507) const;
  Tensor silu() const;
  Tensor swish() const { return silu(); }
  Tensor gelu() const; // the tanh form
  Tensor quickGelu() const;
  Tensor softplus(double beta = 1.0) const;
  Tensor mish() const;
  Tensor softsign() const;
  Tensor hardswish() const;
  Tensor hardsigmoid(double alpha = 1.0 / 6, double beta = 0.5) const;
  Tensor hardtanh(double low = -1, double high = 1) const { return clip(low, high); }
  Tensor logsigmoid() const;

  // --- movement: Movement.cpp ---

  /// One extent may be -1: what the others leave.
  Tensor reshape(Shape shape) const;
  Tensor view(Shape shape) const { return reshape(std::move(shape)); }
  Tensor flatten(int first = 0, int last = -1) const;
  Tensor unflatten(int axis, Shape extents) const;
  Tensor squeeze() const; // every axis of extent 1
  Tensor squeeze(int axis) const;
  Tensor unsqueeze(int axis) const;
  Tensor permute(std::vector<int> axes) const;
  Tensor transpose(int a = 0, int b = 1) const;
  Tensor T() const { return transpose(-2, -1); }
  /// Broadcasts to `shape`; -1 keeps an extent.
  Tensor expand(Shape shape) const;
  Tensor pad(const std::vector<Padding> &padding, double value = 0) const;
  Tensor shrink(const std::vector<Range> &ranges) const;
  /// [begin, end) of one axis with a step (constant extents if it is not 1; may be negative).
  Tensor slice(int axis, const Dim &begin, const Dim &end, int64_t step = 1) const;
  /// One element of an axis, which disappears.
  Tensor select(int axis, const Dim &at) const;
  Tensor operator[](const Dim &at) const { return select(0, at); }
  Tensor flip(const Axes &axes) const;
  Tensor stride(std::vector<int64_t> strides) const;
  Tensor cat(const Tensor &other, int axis = 0) const { return cat({*this, other}, axis); }
  static Tensor cat(const std::vector<Tensor> &parts, int axis = 0);
  static Tensor stack(const std::vector<Tensor> &parts, int axis = 0);
  std::vector<Tensor> split(int64_t size, int axis = 0) const;
  std::vector<Tensor> split(const std::vector<Dim> &sizes, int axis = 0) const;
  std::vector<Tensor> chunk(int64_t parts, int axis = 0) const;
  Tensor repeat(std::vector<int64_t> counts) const;
  Tensor repeatInterleave(int64_t count, int axis = 0) const;

  // --- indexing by tensors: Indexing.cpp ---

  /// Rows of axis 0: [N, ...] by an integer index of any shape -> index.shape + [...].
  Tensor take(const Tensor &index) const;
  Tensor indexSelect(int axis, const Tensor &index) const; // index [n]
  /// out[i][j] = this[index[i][j]][j] for axis 0, and so on; ranks are equal.
  Tensor gather(int axis, const Tensor &index) const;
  /// This is the table [N, D].
  Tensor embedding(const Tensor &ids) const { return take(ids); }
  Tensor oneHot(const Dim &classes) const; // i32
  /// The k largest (smallest) of an axis in order, and where they were (i32); equals in order.
  std::pair<Tensor, Tensor> topk(int64_t k, int axis = -1, bool largest = true) const;
  std::pair<Tensor, Tensor> sort(int axis = -1, bool descending = false) const;

  // --- reductions: Reduce.cpp ---

  /// Halves accumulate in f32; small integers and bools in i32 (u32 if unsigned).
  Tensor sum(const Axes &axes = {}, bool keepdim = false) const;
  Tensor prod(const Axes &axes = {}, bool keepdim = false) const;
  Tensor max(const Axes &axes = {}, bool keepdim = false) const;
  Tensor min(const Axes &axes = {}, bool keepdim = false) const;
  Tensor mean(const Axes &axes = {}, bool keepdim = false) const;
  Tensor var(const Axes &axes = {}, bool keepdim = false, int correction = 1) const;
  Tensor std(const Axes &axes = {}, bool keepdim = false, int correction = 1) const;
  Tensor any(const Axes &axes = {}, bool keepdim = false) const;
  Tensor all(const Axes &axes = {}, bool keepdim = false) const;
  Tensor argmax() const; // of all elements, flattened; i32, the first of equals
  Tensor argmax(int axis, bool keepdim = false) const;
  Tensor argmin() const;
  Tensor argmin(int axis, bool keepdim = false) const;
  Tensor logsumexp(const Axes &axes = {}, bool keepdim = false) const;
  Tensor softmax(int axis = -1) const;
  Tensor logSoftmax(int axis = -1) const;
  Tensor cumsum(int axis = 0) const;

  // --- contractions: Contraction.cpp ---

  Tensor matmul(const Tensor &other) const;
  Tensor dot(const Tensor &other) const { return matmul(other); }
  /// x [..., K] by weight [N, K] as files store it (nn.Linear's weight) -> [..., N].
  Tensor linear(const Tensor &weight, const std::optional<Tensor> &bias = {}) const;

  // --- networks: Nn.cpp ---

  Tensor layernorm(const Axes &axes = -1, double epsilon = 1e-5) const;
  Tensor rmsnorm(double epsilon = 1e-6) const; // of the last axis
  /// This is q [..., H, T, d]; k [..., G, S, d], v [..., G, S, e], H a multiple of G
  /// -> [..., H, T, e] in q's type. Scores are scaled by 1/sqrt(d). A bool mask [T, S] says what
  /// may be seen, a float one is added. `isCausal`: row t sees columns 0..t, as in tinygrad.
  Tensor scaledDotProductAttention(const Tensor &k, const Tensor &v,
                                   const std::optional<Tensor> &mask = {},
                                   bool isCausal = false) const;
  /// The same where the last row of q is the newest token: row t sees columns 0 .. S - T + t.
  Tensor causalAttention(const Tensor &k, const Tensor &v) const;
  /// Turns pairs of the last axis by angles [T, r]: this is [..., T, d], 2*r <= d elements turn.
  Tensor rope(const Tensor &angles, RopeStyle style = RopeStyle::Neox) const;
  /// The same by tables [T, r] made once for all layers: the cosines and sines of the angles.
  Tensor rope(const Tensor &cosines, const Tensor &sines, RopeStyle style = RopeStyle::Neox) const;
  /// Angles [T, r] for rope: position * base^(-i/r) / factors[i], i < r = dims / 2.
  static Tensor ropeAngles(const Tensor &positions, int64_t dims, double base,
                           const std::optional<Tensor> &factors = {});

  // --- random numbers: Random.cpp ---

  /// threefry2x32 as tinygrad uses it: `count` u32 from a key [2] and a counter [2], both u32.
  static Tensor randomBits(const Tensor &key, const Tensor &counter, int64_t count);
  /// f32 in [0, 1) from the same.
  static Tensor randFrom(const Tensor &key, const Tensor &counter, Shape shape);
  /// Seeds `rand`; the numbers that follow depend on nothing else.
  static void manualSeed(uint64_t seed = 0);
  static Tensor rand(Shape shape);
  static Tensor randn(Shape shape);

  // --- state: Creation.cpp ---

  /// Writes `value` into this state at `begin`; the result is the state from then on. Later reads
  /// must use it, and an entry of a graph must reach it (an output "state:<name>" does).
  Tensor assign(const Shape &begin, const Tensor &value) const;
  Tensor assign(const Tensor &value) const; // all of it

  // --- values: Jit.cpp ---

  /// Computes this tensor: compiles it (or finds it compiled) and runs it. For graphs of constants
  /// and realised data; functions of inputs, weights and states are for `compile` in Jit.h.
  Result<HostTensor> realize(const std::vector<Binding> &variables = {}) const;
  /// The same as elements of a C++ type.
  template <typename T>
  Result<std::vector<T>> toVector(const std::vector<Binding> &variables = {}) const {
    ROSSO_TRY(HostTensor tensor, cast(dtypeOf<T>()).realize(variables));
    return tensor.values<T>();
  }

private:
  static NodeRef scalarNode(bool value);
  static NodeRef scalarNode(int64_t value);
  static NodeRef scalarNode(double value);

  NodeRef node_;
  bool weak_ = false; // a scalar from C++ whose type is still open
};

inline Tensor operator+(const Tensor &a, const Tensor &b) { return a.add(b); }
inline Tensor operator-(const Tensor &a, const Tensor &b) { return a.sub(b); }
inline Tensor operator*(const Tensor &a, const Tensor &b) { return a.mul(b); }
inline Tensor operator/(const Tensor &a, const Tensor &b) { return a.div(b); }
inline Tensor operator%(const Tensor &a, const Tensor &b) { return a.mod(b); }
inline Tensor operator&(const Tensor &a, const Tensor &b) { return a.bitwiseAnd(b); }
inline Tensor operator|(const Tensor &a, const Tensor &b) { return a.bitwiseOr(b); }
inline Tensor operator^(const Tensor &a, const Tensor &b) { return a.bitwiseXor(b); }
inline Tensor operator<<(const Tensor &a, const Tensor &bits) { return a.lshift(bits); }
inline Tensor operator>>(const Tensor &a, const Tensor &bits) { return a.rshift(bits); }
inline Tensor operator<(const Tensor &a, const Tensor &b) { return a.lt(b); }
inline Tensor operator>(const Tensor &a, const Tensor &b) { return a.gt(b); }
inline Tensor operator<=(const Tensor &a, const Tensor &b) { return a.le(b); }
inline Tensor operator>=(const Tensor &a, const Tensor &b) { return a.ge(b); }
inline Tensor operator-(const Tensor &a) { return a.neg(); }
inline Tensor operator~(const Tensor &a) { return a.bitwiseNot(); }

/// The least type that holds both, in tinygrad's lattice; integers that no integer type holds
/// together meet in f32.
DType leastUpperDType(DType a, DType b);
/// The type a sum of `t` accumulates in.
DType sumDType(DType t);

/// An entry of a graph: named results.
GraphEntry makeEntry(std::string name, const std::vector<std::pair<std::string, Tensor>> &outputs);

} // namespace rosso

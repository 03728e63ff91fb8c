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
// Activations.cpp, Movement.cpp, Striding.cpp, Joining.cpp, Padding.cpp, Rearrange.cpp,
// Indexing.cpp, Scatter.cpp, Sort.cpp, Reduce.cpp, Contraction.cpp, Nn.cpp, Random.cpp.
#pragma once

#include "frontend/Graph.h"
#include "frontend/HostTensor.h"
#include "frontend/Variable.h"

#include <concepts>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace rosso {

class Tensor;
Status realize(std::span<Tensor *const> tensors); // Realize.h

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

/// What `pad` puts around a tensor.
enum class PadMode {
  Constant,
  Reflect,   // mirrored at the edge, which is not repeated: c b | a b c | b a
  Replicate, // the edge
  Circular   // the other end
};

/// How coordinates of `meshgrid` run: rows first as in matrices, or x first as in drawings.
enum class Grid { Ij, Xy };

/// How values that are scattered to one place meet.
enum class Scatter { Sum, Prod, Mean, Max, Min };

/// begin:end:step of one axis, as in Python; what is left out is the whole axis.
struct Slice {
  std::optional<Dim> begin = {}, end = {};
  int64_t step = 1;
};
struct NewAxis {};  // Python's None between brackets
struct Ellipsis {}; // all axes that no other index names
struct Index;

/// One number for every spatial axis of a convolution or pool, or one for each.
struct Spatial {
  template <std::integral T> Spatial(T all) : list{static_cast<int64_t>(all)}, isForAll(true) {}
  Spatial(std::initializer_list<int64_t> each) : list(each) {}
  Spatial(std::vector<int64_t> each) : list(std::move(each)) {}
  std::vector<int64_t> list;
  bool isForAll = false; // one number for however many axes there are
};

/// What becomes of the losses of single samples.
enum class Reduction { None, Sum, Mean };

/// How `interpolate` reads between elements: weights of two neighbours, the element at or before
/// the place, or the element whose middle is nearest.
enum class Interpolation { Linear, Nearest, NearestExact };

/// How exactly `gelu` follows the normal distribution.
enum class Gelu { Tanh, Erf };

/// What a pool puts into an average at the edge.
enum class PoolEdge {
  CountPadding, // zeros of the padding are elements
  LeaveOut      // only elements of the tensor count
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
  /// Whether the type gives way to that of what it meets: numbers, and what is made of numbers
  /// only.
  bool isWeak() const { return weak_; }
  Tensor asWeak(bool weak) const;
  /// The bytes (u8) of this as 8-bit floats of a type; as bytes again for `DType::U8`.
  Tensor asFloat8(DType type) const;

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
  /// Memory that already has the values; its size is that of the shape.
  static Tensor fromStorage(std::shared_ptr<Storage> storage, Shape shape, DType dtype);
  /// The same of a quantised tensor, whose rows are whole blocks.
  static Tensor fromStorage(std::shared_ptr<Storage> storage, Shape shape,
                            const QuantFormat &format);
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
  /// Whatever the memory holds; here that is zeros.
  static Tensor empty(Shape shape, DType dtype = DType::F32) { return zeros(shape, dtype); }
  Tensor fullLike(Tensor value) const;
  Tensor fullLike(Tensor value, DType dtype) const;
  Tensor zerosLike() const { return fullLike(0); }
  Tensor onesLike() const { return fullLike(1); }
  Tensor emptyLike() const { return fullLike(0); }
  /// start, start + step, ... before stop. Only `arange(n)` takes a symbolic extent.
  static Tensor arange(const Dim &stop, DType dtype = DType::I32);
  static Tensor arange(int64_t start, int64_t stop, int64_t step = 1, DType dtype = DType::I32);
  static Tensor arangeReal(double start, double stop, double step = 1, DType dtype = DType::F32);
  static Tensor linspace(double start, double stop, int64_t steps, DType dtype = DType::F32);
  static Tensor eye(const Dim &n, std::optional<Dim> m = {}, DType dtype = DType::F32);
  /// Keeps what is on or below (above) the diagonal of the last two axes; zero elsewhere.
  Tensor tril(const Dim &diagonal = 0) const;
  Tensor triu(const Dim &diagonal = 0) const;
  /// The coordinates of a grid: one tensor for each vector (or scalar), all of the grid's shape.
  static std::vector<Tensor> meshgrid(const std::vector<Tensor> &axes, Grid order = Grid::Ij);

  // --- types: Elementwise.cpp ---

  Tensor cast(DType to) const;
  /// The same bytes; the last axis holds as many times more elements as they are smaller.
  Tensor bitcast(DType to) const;
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
  /// Integers to integer powers are exact, modulo the width of the type.
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
  Tensor asin() const;
  Tensor acos() const;
  Tensor atan() const;
  Tensor floor() const;
  Tensor ceil() const;
  Tensor trunc() const;
  Tensor round() const; // half to even
  Tensor isnan() const;
  Tensor isinf(bool positive = true, bool negative = true) const;
  Tensor isfinite() const;
  /// |this - other| <= atol + rtol * |other|; equal infinities are close.
  Tensor isclose(const Tensor &other, double rtol = 1e-5, double atol = 1e-8,
                 bool equalNan = false) const;
  Tensor allclose(const Tensor &other, double rtol = 1e-5, double atol = 1e-8,
                  bool equalNan = false) const {
    return isclose(other, rtol, atol, equalNan).all();
  }
  Tensor lerp(const Tensor &end, const Tensor &weight) const;
  Tensor logaddexp(const Tensor &other) const;
  Tensor copysign(const Tensor &other) const;

  // --- activations: Activations.cpp ---

  Tensor sigmoid() const;
  Tensor tanh() const;
  Tensor sinh() const;
  Tensor cosh() const;
  Tensor asinh() const;
  Tensor acosh() const;
  Tensor atanh() const;
  Tensor erf() const;
  Tensor relu() const;
  Tensor relu6() const;
  Tensor leakyRelu(double negativeSlope = 0.01) const;
  Tensor elu(double alpha = 1.0) const;
  Tensor celu(double alpha = 1.0) const;
  Tensor selu(double alpha = 1.67326, double gamma = 1.0507) const;
  Tensor silu() const;
  Tensor swish() const { return silu(); }
  Tensor gelu(Gelu form = Gelu::Tanh) const;
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
  Tensor transpose(int a = 1, int b = 0) const;
  Tensor T() const { return transpose(); }
  /// Broadcasts to `shape`; -1 keeps an extent.
  Tensor expand(Shape shape) const;
  Tensor shrink(const std::vector<Range> &ranges) const;
  /// The first elements of every axis; nothing: all of them.
  Tensor shrinkTo(const std::vector<std::optional<Dim>> &extents) const;
  /// [begin, end) of one axis with a step (constant extents if it is not 1; may be negative).
  Tensor slice(int axis, const Dim &begin, const Dim &end, int64_t step = 1) const;
  /// One element of an axis, which disappears.
  Tensor select(int axis, const Dim &at) const;
  Tensor operator[](const Dim &at) const { return select(0, at); }
  Tensor flip(const Axes &axes) const;
  Tensor stride(std::vector<int64_t> strides) const;

  // --- windows and diagonals: Striding.cpp ---

  /// Elements move on by `shifts[i]` along `axes[i]`; those that leave at the end come in again.
  Tensor roll(const std::vector<int64_t> &shifts, const std::vector<int> &axes) const;
  Tensor roll(int64_t shift) const; // of all elements in row-major order
  /// Overlapping windows of an axis, which becomes their number; a new last axis runs in them.
  Tensor unfold(int axis, int64_t size, int64_t step) const;
  Tensor diag() const; // [n] -> [n, n]
  /// The elements at [i, i + offset] of two axes, which become one last axis.
  Tensor diagonal(int64_t offset = 0, int axis1 = 0, int axis2 = 1) const;

  // --- several tensors, or one several times: Joining.cpp ---

  Tensor cat(const Tensor &other, int axis = 0) const { return cat({*this, other}, axis); }
  static Tensor cat(const std::vector<Tensor> &parts, int axis = 0);
  static Tensor stack(const std::vector<Tensor> &parts, int axis = 0);
  std::vector<Tensor> split(int64_t size, int axis = 0) const;
  std::vector<Tensor> split(const std::vector<Dim> &sizes, int axis = 0) const;
  std::vector<Tensor> chunk(int64_t parts, int axis = 0) const;
  std::vector<Tensor> unbind(int axis = 0) const;
  Tensor repeat(std::vector<int64_t> counts) const;
  Tensor repeatInterleave(int64_t count) const; // of all elements in row-major order
  Tensor repeatInterleave(int64_t count, int axis) const;

  // --- edges: Padding.cpp ---

  /// Negative paddings cut.
  Tensor pad(const std::vector<Padding> &padding, double value = 0) const;
  Tensor pad(const std::vector<Padding> &padding, PadMode mode, const Tensor &value = 0) const;
  /// As many zeros (or `value`) after the end of each axis as it lacks; nothing: none.
  Tensor padTo(const std::vector<std::optional<Dim>> &extents, const Tensor &value = 0) const;

  // --- einops: Rearrange.cpp ---

  /// "b (h d) t -> b h t d" with the sizes of the axes that the shape leaves open, as in einops.
  Tensor rearrange(std::string_view formula,
                   const std::vector<std::pair<std::string, int64_t>> &sizes = {}) const;

  // --- indexing: Indexing.cpp ---

  /// What Python's brackets give: positions drop their axis, slices cut it, integer tensors take
  /// elements (all of them together, broadcast), bool tensors select. Several tensors with a slice
  /// between them put their axes first, else they stand where the indexed axes stood. Elements
  /// that a tensor names outside its axis are 0.
  Tensor getItem(const std::vector<Index> &indices) const;
  /// This tensor with `value` (broadcast) where `getItem` reads; of several values for one element
  /// the last stays.
  Tensor setItem(const std::vector<Index> &indices, const Tensor &value) const;
  /// Lets this be what `setItem` gives: in place where it is memory or a view of memory, so that
  /// all who look at that see it. Errors: those of the indices, BadInput for other shapes.
  Status assignItem(const std::vector<Index> &indices, const Tensor &value);
  /// Rows of axis 0: [N, ...] by an integer index of any shape -> index.shape + [...].
  Tensor take(const Tensor &index) const;
  Tensor indexSelect(int axis, const Tensor &index) const; // index [n]
  /// out[i][j] = this[index[i][j]][j] for axis 0, and so on; ranks are equal. 0 outside.
  Tensor gather(int axis, const Tensor &index) const;
  /// This is the table [N, D].
  Tensor embedding(const Tensor &ids) const { return take(ids); }
  Tensor oneHot(const Dim &classes) const; // i32
  /// The elements where a bool mask (broadcast) is true, in row-major order. Without a size, how
  /// many there are is computed at once; with one, that many, followed by `fill`.
  Tensor maskedSelect(const Tensor &mask) const;
  Tensor maskedSelect(const Tensor &mask, int64_t size, const Tensor &fill = 0) const;
  /// The positions [n, rank] of the elements that are not 0, i32; sizes as for maskedSelect.
  Tensor nonzero() const;
  Tensor nonzero(int64_t size, const Tensor &fill = 0) const;

  // --- writing to places that tensors name: Scatter.cpp ---

  /// This tensor with out[index[i][j]][j] = source[i][j] for axis 0, and so on; ranks are equal, no
  /// extent of the index exceeds those of source (and of this, but on the axis). The last of
  /// several values for one place stays; places outside are left out.
  Tensor scatter(int axis, const Tensor &index, const Tensor &source) const;
  /// The same where values meet each other and, with `includeSelf`, what was there.
  Tensor scatterReduce(int axis, const Tensor &index, const Tensor &source, Scatter reduce,
                       bool includeSelf = true) const;
  /// Rows of axis 0: this [N, ...], index [M], source [M, ...]; the last of several rows stays.
  Tensor putRows(const Tensor &index, const Tensor &source) const;

  // --- order: Sort.cpp ---

  /// The k largest (smallest) of an axis in order, and where they were (i32); equals in order. NaN
  /// counts as larger than any number.
  std::pair<Tensor, Tensor> topk(int64_t k, int axis = -1, bool largest = true) const;
  std::pair<Tensor, Tensor> sort(int axis = -1, bool descending = false) const;
  Tensor argsort(int axis = -1, bool descending = false) const;

  // --- reductions: Reduce.cpp ---

  /// Halves accumulate in f32; small integers and bools in i32 (u32 if unsigned).
  Tensor sum(const Axes &axes = {}, bool keepdim = false) const;
  /// The same accumulated in a type, which is that of the result.
  Tensor sum(const Axes &axes, bool keepdim, DType type) const;
  Tensor prod(const Axes &axes = {}, bool keepdim = false) const;
  Tensor prod(const Axes &axes, bool keepdim, DType type) const;
  Tensor max(const Axes &axes = {}, bool keepdim = false) const;
  Tensor min(const Axes &axes = {}, bool keepdim = false) const;
  Tensor mean(const Axes &axes = {}, bool keepdim = false) const;
  Tensor var(const Axes &axes = {}, bool keepdim = false, int correction = 1) const;
  Tensor std(const Axes &axes = {}, bool keepdim = false, int correction = 1) const;
  std::pair<Tensor, Tensor> varMean(const Axes &axes = {}, bool keepdim = false,
                                    int correction = 1) const;
  std::pair<Tensor, Tensor> stdMean(const Axes &axes = {}, bool keepdim = false,
                                    int correction = 1) const;
  /// Divided by the p-norm of an axis, which counts as `epsilon` at least.
  Tensor normalize(double p = 2, int axis = 1, double epsilon = 1e-12) const;
  Tensor any(const Axes &axes = {}, bool keepdim = false) const;
  Tensor all(const Axes &axes = {}, bool keepdim = false) const;
  Tensor argmax() const; // of all elements, flattened; i32, the first of equals
  Tensor argmax(int axis, bool keepdim = false) const;
  Tensor argmin() const;
  Tensor argmin(int axis, bool keepdim = false) const;
  Tensor logsumexp(const Axes &axes = {}, bool keepdim = false) const;
  /// Of an axis, or of several together. With a type, the powers and their sum are of it.
  Tensor softmax(const Axes &axes = -1, std::optional<DType> type = {}) const;
  Tensor logSoftmax(const Axes &axes = -1, std::optional<DType> type = {}) const;
  Tensor softmin(const Axes &axes = -1, std::optional<DType> type = {}) const {
    return neg().softmax(axes, type);
  }

  // --- scans: Scan.cpp ---

  /// Element i is made of elements 0 .. i of the axis.
  Tensor cumsum(int axis = 0) const;
  Tensor cumprod(int axis) const;
  /// The extremes so far, and where the first of them was (i32).
  std::pair<Tensor, Tensor> cummax(int axis = 0) const;
  std::pair<Tensor, Tensor> cummin(int axis = 0) const;
  Tensor logcumsumexp(int axis = 0) const;

  // --- contractions: Contraction.cpp ---

  /// With a type, products are summed in it (in f32 at least for floats), and the result is of it.
  Tensor matmul(const Tensor &other, std::optional<DType> type = {}) const;
  Tensor dot(const Tensor &other, std::optional<DType> type = {}) const {
    return matmul(other, type);
  }
  /// x [..., K] by weight [K, N] -> [..., N], or times weight [K]; then plus bias.
  Tensor affine(const Tensor &weight, const std::optional<Tensor> &bias = {}) const;
  /// x [..., K] by weight [N, K] as files store it (nn.Linear's weight) -> [..., N].
  Tensor linear(const Tensor &weight, const std::optional<Tensor> &bias = {}) const;

  /// Einstein's notation: "ij,jk->ik"; repeated letters of one operand are its diagonal, letters
  /// that the result lacks are summed, "..." stands for leading axes that broadcast.
  static Tensor einsum(std::string_view formula, const std::vector<Tensor> &operands,
                       std::optional<DType> type = {});
  /// Of [..., M, N]: an orthogonal [..., M, M] and an upper triangular [..., M, N].
  std::pair<Tensor, Tensor> qr() const;
  /// U, S (in descending order) and V^T of [..., M, N]; by Jacobi rotations.
  std::tuple<Tensor, Tensor, Tensor> svd(bool fullMatrices = true) const;
  /// `steps` times an odd polynomial of the normalised matrix; its coefficients for x, x^3, ...
  Tensor newtonSchulz(int steps, const std::vector<double> &coefficients,
                      double epsilon = 1e-7) const;

  // --- hashes: Keccak.cpp ---

  /// Of the bytes of the last axis: [..., (200 - rate) / 2] of u8. SHA3-256 unless rate and suffix
  /// say otherwise: SHA3-224 has 144 and 6, SHAKE128 of 16 bytes has 168 and 31. Source: FIPS 202.
  Tensor keccak(int64_t rate = 136, uint8_t suffix = 6) const;
  /// [16] of u8: SHAKE128 over those of pieces of 4 KiB, for every MiB padded with zeros, and over
  /// these again until one is left. As tinygrad has it.
  Tensor hash() const;

  // --- convolutions: Conv.cpp; one to three spatial axes, the last ones ---

  /// The windows of an axis: element [.., o, .., k] is [.., o * step + k * dilation, ..].
  Tensor window(int axis, int64_t size, int64_t step = 1, int64_t dilation = 1) const;
  /// x [N, G * C, spatial...] by weight [F, C, kernel...], F a multiple of G groups
  /// -> [N, F, spatial...]. Padding: one number, one an axis, or before and after of each axis, the
  /// last axis first; negative ones cut. With a type, sums and result are of it.
  Tensor conv2d(const Tensor &weight, const std::optional<Tensor> &bias = {}, int64_t groups = 1,
                const Spatial &stride = 1, const Spatial &dilation = 1, const Spatial &padding = 0,
                std::optional<DType> type = {}) const;
  /// The convolution that `conv2d` undoes the shape of; weight [G * C, F / G, kernel...].
  Tensor convTranspose2d(const Tensor &weight, const std::optional<Tensor> &bias = {},
                         int64_t groups = 1, const Spatial &stride = 1, const Spatial &dilation = 1,
                         const Spatial &padding = 0, const Spatial &outputPadding = 0) const;

  // --- pools: Pool.cpp; as many spatial axes as the kernel has numbers, the last ones ---

  /// The stride is the kernel if it is not given. `ceilMode`: a last window may be cut by the edge.
  Tensor avgPool2d(const Spatial &kernel = {2, 2}, const std::optional<Spatial> &stride = {},
                   const Spatial &dilation = 1, const Spatial &padding = 0, bool ceilMode = false,
                   PoolEdge edge = PoolEdge::CountPadding) const;
  Tensor maxPool2d(const Spatial &kernel = {2, 2}, const std::optional<Spatial> &stride = {},
                   const Spatial &dilation = 1, const Spatial &padding = 0,
                   bool ceilMode = false) const;
  /// The same and where the maxima were in the flattened spatial axes (i32).
  std::pair<Tensor, Tensor> maxPool2dWithIndices(const Spatial &kernel = {2, 2},
                                                 const std::optional<Spatial> &stride = {},
                                                 const Spatial &dilation = 1,
                                                 const Spatial &padding = 0,
                                                 bool ceilMode = false) const;
  /// Values [N, C, spatial...] at those places of zeros; `output` gives their spatial extents where
  /// the inverse of the pool's shape is not wanted.
  Tensor maxUnpool2d(const Tensor &indices, const Spatial &kernel = {2, 2},
                     const std::optional<Spatial> &stride = {}, const Spatial &dilation = 1,
                     const Spatial &padding = 0,
                     const std::optional<std::vector<int64_t>> &output = {}) const;

  // --- sizes between elements: Interpolate.cpp ---

  /// The last axes at other extents.
  Tensor interpolate(const std::vector<int64_t> &size, Interpolation mode = Interpolation::Linear,
                     bool alignCorners = false) const;

  // --- losses: Loss.cpp ---

  /// This is probabilities, or (logits) what a sigmoid makes them of.
  Tensor binaryCrossentropy(const Tensor &target, Reduction reduction = Reduction::Mean) const;
  Tensor binaryCrossentropyLogits(const Tensor &target, Reduction reduction = Reduction::Mean,
                                  const std::optional<Tensor> &positiveWeight = {}) const;
  /// This is logits [..., classes], target the classes [...]; those of `ignoreIndex` do not count.
  Tensor sparseCategoricalCrossentropy(const Tensor &target, int64_t ignoreIndex = -1,
                                       double labelSmoothing = 0,
                                       Reduction reduction = Reduction::Mean) const;
  /// This is logits [N, classes, ...], target classes [N, ...] or probabilities of this shape.
  Tensor crossEntropy(const Tensor &target, Reduction reduction = Reduction::Mean,
                      double labelSmoothing = 0) const;
  /// This is log-probabilities [N, classes, ...], target classes [N, ...], weights [classes].
  Tensor nllLoss(const Tensor &target, const std::optional<Tensor> &weight = {},
                 std::optional<int64_t> ignoreIndex = {},
                 Reduction reduction = Reduction::Mean) const;

  // --- networks: Nn.cpp ---

  /// Random elements are 0 and the others grow by 1 / (1 - p): for training.
  Tensor dropout(double p = 0.5) const;
  /// (this - mean) * inverseDeviation * weight + bias, each [extents of `axes`].
  Tensor batchnorm(const std::optional<Tensor> &weight, const std::optional<Tensor> &bias,
                   const Tensor &mean, const Tensor &inverseDeviation, const Axes &axes = 1) const;

  Tensor layernorm(const Axes &axes = -1, double epsilon = 1e-5) const;
  Tensor rmsnorm(double epsilon = 1e-6) const; // of the last axis
  /// This is q [..., H, T, d]; k [..., G, S, d], v [..., G, S, e], H a multiple of G
  /// -> [..., H, T, e] in q's type. Scores are scaled by 1/sqrt(d). A bool mask [T, S] says what
  /// may be seen, a float one is added. `isCausal`: row t sees columns 0..t, as in tinygrad.
  Tensor scaledDotProductAttention(const Tensor &k, const Tensor &v,
                                   const std::optional<Tensor> &mask = {}, bool isCausal = false,
                                   double dropoutP = 0) const;
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
  /// The generator itself: what it makes of counters (low and high words) under a key [2]; the low
  /// words of the results, then the high ones.
  static Tensor threefryBits(const Tensor &key, const Tensor &low, const Tensor &high);
  /// Numbers of a float type in [0, 1) from the same.
  static Tensor randFrom(const Tensor &key, const Tensor &counter, Shape shape,
                         DType dtype = DType::F32);
  /// Seeds `rand` of all devices; the numbers that follow depend on nothing else. Devices count
  /// on their own, numbered in the order in which they first draw.
  static void manualSeed(uint64_t seed = 0);
  /// The words a device has drawn, [2] u32, low end first: memory that every draw moves on.
  static Tensor randomCounter(std::string_view device = {});
  static std::vector<std::string> randomDevices(); // that have drawn since they were seeded
  /// In [0, 1), of a float type. An empty device is the default one.
  static Tensor rand(Shape shape, DType dtype = DType::F32, std::string_view device = {});
  static Tensor randn(Shape shape, DType dtype = DType::F32, std::string_view device = {});
  static Tensor uniform(Shape shape, double low = 0, double high = 1, DType dtype = DType::F32,
                        std::string_view device = {});
  static Tensor randint(Shape shape, int64_t low = 0, int64_t high = 10, DType dtype = DType::I32,
                        std::string_view device = {});
  static Tensor normal(Shape shape, double mean = 0, double std = 1, DType dtype = DType::F32,
                       std::string_view device = {});
  static Tensor scaledUniform(Shape shape, DType dtype = DType::F32, std::string_view device = {});
  static Tensor glorotUniform(Shape shape, DType dtype = DType::F32, std::string_view device = {});
  static Tensor kaimingUniform(Shape shape, double slope = 0.01, DType dtype = DType::F32,
                               std::string_view device = {});
  static Tensor kaimingNormal(Shape shape, double slope = 0.01, DType dtype = DType::F32,
                              std::string_view device = {});
  static Tensor randperm(int64_t n, DType dtype = DType::I32, std::string_view device = {});
  /// `samples` numbers of places, i32, drawn with the weights of this [n] or [rows, n].
  Tensor multinomial(int64_t samples = 1, bool replacement = false) const;

  // --- state: Creation.cpp ---

  /// Writes `value` into this state at `begin`; the result is the state from then on. Later reads
  /// must use it, and an entry of a graph must reach it (an output "state:<name>" does).
  Tensor assign(const Shape &begin, const Tensor &value) const;
  Tensor assign(const Tensor &value) const; // all of it

  // --- values: Jit.cpp ---

  /// Computes this tensor: compiles it (or finds it compiled) and runs it. For graphs of constants
  /// and realised data; functions of inputs, weights and states are for `compile` in Jit.h.
  Result<HostTensor> toHost(const std::vector<Binding> &variables = {}) const;
  /// The same as elements of a C++ type.
  template <typename T>
  Result<std::vector<T>> toVector(const std::vector<Binding> &variables = {}) const {
    const Tensor wanted = dtype() == dtypeOf<T>() ? *this : cast(dtypeOf<T>());
    ROSSO_TRY(HostTensor tensor, wanted.toHost(variables));
    return tensor.values<T>();
  }

private:
  friend Status realize(std::span<Tensor *const> tensors); // gives handles memory of their own

  static NodeRef scalarNode(bool value);
  static NodeRef scalarNode(int64_t value);
  static NodeRef scalarNode(double value);

  NodeRef node_;
  std::optional<DType> float8_; // what the bytes of the node are, if they are 8-bit floats
  bool weak_ = false;           // a scalar from C++ whose type is still open
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

/// What stands between the brackets for one axis (or, if it is a bool tensor, for its axes).
struct Index {
  template <std::integral T> Index(T at) : value(Dim(static_cast<int64_t>(at))) {}
  Index(Dim at) : value(std::move(at)) {}
  Index(Slice slice) : value(std::move(slice)) {}
  Index(NewAxis axis) : value(axis) {}
  Index(Ellipsis rest) : value(rest) {}
  Index(Tensor places) : value(std::move(places)) {}
  std::variant<Dim, Slice, NewAxis, Ellipsis, Tensor> value;
};

/// The least type that holds both, in tinygrad's lattice; integers that no integer type holds
/// together meet in f32.
DType leastUpperDType(DType a, DType b);
/// The float type that functions of integers give; f32 at first.
void setDefaultFloat(DType t);

/// The type a sum of `t` accumulates in.
DType sumDType(DType t);

/// An entry of a graph: named results.
GraphEntry makeEntry(std::string name, const std::vector<std::pair<std::string, Tensor>> &outputs);

} // namespace rosso

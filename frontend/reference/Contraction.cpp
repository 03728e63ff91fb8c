// Products of matrices, in Eigen's doubles. A stored weight is expanded a few rows at a time.

#include "frontend/reference/Operations.h"

#include <Eigen/Core>
#include <algorithm>

namespace rosso::reference {

namespace {

template <typename T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <typename T> using MatrixView = Eigen::Map<const Matrix<T>>;

constexpr int64_t kRowsAtOnce = 64; // of a stored weight

/// The elements as a vector of T, for both kinds of types.
template <typename T> const std::vector<T> &elements(const Value &value) {
  if constexpr (std::is_same_v<T, double>)
    return value.reals;
  else
    return value.integers;
}

template <typename T> std::vector<T> &elements(Value &value) {
  return const_cast<std::vector<T> &>(elements<T>(std::as_const(value)));
}

void finish(Value &out, Precision precision) {
  for (double &x : out.reals)
    x = rounded(x, out.dtype, precision);
  for (int64_t &x : out.integers)
    x = wrapped(x, out.dtype);
}

/// x [T, K] by w [N, K] -> [T, N] in unsigned arithmetic for integers, which wraps.
template <typename T>
void multiply(const T *a, const T *b, T *c, int64_t rows, int64_t inner, int64_t columns) {
  using U = std::conditional_t<std::is_same_v<T, int64_t>, uint64_t, double>;
  MatrixView<U> x(reinterpret_cast<const U *>(a), rows, inner);
  MatrixView<U> y(reinterpret_cast<const U *>(b), inner, columns);
  Eigen::Map<Matrix<U>>(reinterpret_cast<U *>(c), rows, columns).noalias() = x * y;
}

Value linearByStored(const Call &call, const Value &x, const StoredRows &weight) {
  int64_t inner = weight.columns, tokens = inner ? x.count() / inner : 0;
  Value out = zeros(call.node.dtype, call.shape);
  MatrixView<double> rows(x.reals.data(), tokens, inner);
  Eigen::Map<Matrix<double>> result(out.reals.data(), tokens, weight.rows);
  std::vector<float> weights(static_cast<size_t>(kRowsAtOnce * inner));
  for (int64_t first = 0; first < weight.rows; first += kRowsAtOnce) {
    int64_t count = std::min(kRowsAtOnce, weight.rows - first);
    weight.read(first, count, std::span(weights).first(static_cast<size_t>(count * inner)));
    Matrix<double> w = MatrixView<float>(weights.data(), count, inner).cast<double>();
    result.middleCols(first, count).noalias() = rows * w.transpose();
  }
  return out;
}

template <typename T> Value matmulOf(const Call &call, const Value &a, const Value &b) {
  size_t rank = a.shape.size();
  int64_t rows = a.shape[rank - 2], inner = a.shape[rank - 1], columns = b.shape[rank - 1];
  Value out = zeros(call.node.dtype, call.shape);
  int64_t batches = rows * columns ? out.count() / (rows * columns) : 0;
  for (int64_t i = 0; i < batches; ++i)
    multiply<T>(elements<T>(a).data() + i * rows * inner,
                elements<T>(b).data() + i * inner * columns,
                elements<T>(out).data() + i * rows * columns, rows, inner, columns);
  return out;
}

} // namespace

Result<Value> evaluateDequant(const Call &call) {
  const Value *x = call.sources[0];
  Value out = x ? *x : zeros(DType::F32, call.shape); // a quantised state is kept as its values
  if (call.stored) {
    std::vector<float> weights(static_cast<size_t>(out.count()));
    call.stored->read(0, call.stored->rows, weights);
    std::copy(weights.begin(), weights.end(), out.reals.begin());
  }
  out.dtype = call.node.dtype;
  finish(out, call.precision);
  return out;
}

Result<Value> evaluateLinear(const Call &call) {
  const Value &x = call.source(0);
  Value out;
  if (call.stored) {
    out = linearByStored(call, x, *call.stored);
  } else {
    const Value &w = call.source(1);
    Value transposed = readStrided(w, {w.shape[1], w.shape[0]}, 0, {1, w.shape[1]});
    Value rows = x;
    rows.shape = {w.shape[1] ? x.count() / w.shape[1] : 0, w.shape[1]};
    out = x.isReal() ? matmulOf<double>(call, rows, transposed)
                     : matmulOf<int64_t>(call, rows, transposed);
  }
  finish(out, call.precision);
  return out;
}

Result<Value> evaluateMatmul(const Call &call) {
  const Value &a = call.source(0), &b = call.source(1);
  Value out = a.isReal() ? matmulOf<double>(call, a, b) : matmulOf<int64_t>(call, a, b);
  finish(out, call.precision);
  return out;
}

} // namespace rosso::reference

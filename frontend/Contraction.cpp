// Products of matrices. Halves are multiplied and summed in f32 and rounded once, small integers
// in i32, as sums are.

#include "frontend/Build.h"

namespace rosso {

using namespace build;

namespace {

/// a [B..., M, K] by b [B..., K, N], both of two axes or more, summed in `working`.
Tensor product(const Tensor &a, const Tensor &b, DType working, DType result) {
  std::string shapes = str(a.shape()) + " by " + str(b.shape());
  if (!(a.size(-1) == b.size(-2)))
    return failed("matmul", shapes + ": " + a.size(-1).str() + " columns meet " + b.size(-2).str() +
                                " rows; expected as many");
  Tensor x = promote(a, working), y = promote(b, working);
  Shape outer(a.shape().begin(), a.shape().end() - 1);
  if (b.ndim() == 2 && a.ndim() > 2 && elementCount(outer)) {
    outer.push_back(b.size(-1));
    Tensor rows = x.reshape({-1, a.size(-1)});
    return product(rows, y, working, result).reshape(outer); // one matrix of all rows
  }
  auto batch = broadcastShape("matmul", Shape(a.shape().begin(), a.shape().end() - 2),
                              Shape(b.shape().begin(), b.shape().end() - 2));
  if (!batch)
    return failed("matmul", shapes + "; expected leading axes that broadcast");
  auto batched = [&](const Dim &rows, const Dim &columns) {
    Shape shape = *batch;
    shape.insert(shape.end(), {rows, columns});
    return shape;
  };
  return make(Op::Matmul, working, batched(a.size(-2), b.size(-1)),
              {broadcastTo(x, batched(a.size(-2), a.size(-1))),
               broadcastTo(y, batched(b.size(-2), b.size(-1)))})
      .cast(result);
}

} // namespace

Tensor Tensor::matmul(const Tensor &other, std::optional<DType> type) const {
  if (auto bad = firstBad({*this, other}))
    return *bad;
  if (ndim() == 0 || other.ndim() == 0)
    return failed("matmul",
                  str(shape()) + " by " + str(other.shape()) + "; expected one axis or more");
  // A vector is a row on the left and a column on the right, and its axis of 1 disappears.
  DType common = commonDType(*this, other), working = sumDType(common);
  if (type)
    working = sumDType(leastUpperDType(common, *type));
  Tensor result =
      product(ndim() == 1 ? unsqueeze(0) : *this, other.ndim() == 1 ? other.unsqueeze(1) : other,
              working, type.value_or(common));
  if (auto bad = firstBad({result}))
    return *bad;
  if (other.ndim() == 1)
    result = result.squeeze(-1);
  if (ndim() == 1)
    result = result.squeeze(other.ndim() == 1 ? -1 : -2);
  return result.asWeak(!type && meetWeakly(*this, other));
}

Tensor Tensor::linear(const Tensor &weight, const std::optional<Tensor> &bias) const {
  if (auto bad = firstBad({*this, weight}))
    return *bad;
  if (ndim() == 0 || weight.ndim() != 2 || !(size(-1) == weight.size(-1)))
    return failed("linear", str(shape()) + " by a weight " + str(weight.shape()) +
                                "; expected [..., K] by [N, K]");
  DType common = commonDType(*this, weight), working = sumDType(common);
  Tensor y;
  if (working == DType::F32) {
    // A weight in halves stays as it is stored; the contraction widens what it reads.
    Shape out = shape();
    out.back() = weight.size(0);
    bool isFloatWeight = isFloat(weight.dtype());
    y = make(Op::Linear, working, std::move(out),
             {promote(*this, working), isFloatWeight ? weight : promote(weight, working)})
            .cast(common)
            .asWeak(meetWeakly(*this, weight));
  } else {
    y = matmul(weight.T());
  }
  return bias ? y + *bias : y;
}

Tensor Tensor::affine(const Tensor &weight, const std::optional<Tensor> &bias) const {
  if (auto bad = firstBad({*this, weight}))
    return *bad;
  // A weight that files store as [N, K] arrives turned; its blocks are read as they are.
  const Node &turned = *weight.node();
  bool isTurned = turned.op == Op::Permute && weight.ndim() == 2 && ndim() > 0 &&
                  size(-1) == weight.size(0) && turned.attr<std::vector<int64_t>>("axes")[0] == 1;
  if (isTurned && sumDType(commonDType(*this, weight)) == DType::F32)
    return linear(Tensor(turned.sources[0]), bias);
  Tensor y = weight.ndim() == 1 ? *this * weight : matmul(weight);
  return bias ? y + *bias : y;
}

} // namespace rosso

// Random graphs, compiled and by the reference: what no one thought of testing. Every graph comes
// from a seed, so that a failure can be run again alone.

#include "Golden.h"

#include "frontend/Jit.h"
#include "frontend/reference/Value.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace rosso {

namespace {

const Variable kRows("T", 1, 7);

/// Grows a graph step by step. Values stay within a few units, and nothing jumps (no comparisons
/// of floats, no rounding), so that a difference is an error and not noise grown large.
class Grower {
public:
  explicit Grower(unsigned seed) : random_(seed) {
    for (const Shape &shape : {Shape{6, 8}, Shape{8}, Shape{3, 6, 8}, Shape{6, 1}, Shape{16, 8}})
      pool_.push_back(data(shape));
    pool_.push_back(data({7, 8}).slice(0, 0, kRows));
  }

  std::vector<Tensor> grow(int steps) {
    for (int i = 0; i < steps; ++i)
      if (Tensor next = step(); next.ok() && isSmall(next))
        pool_.push_back(next);
    std::vector<Tensor> results{pool_.back(), any(), any()};
    return results;
  }

private:
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  Tensor data(const Shape &shape) {
    std::vector<float> numbers(static_cast<size_t>(elementCount(shape)->constant()));
    for (float &number : numbers)
      number = static_cast<float>(below(64) - 32) / 16;
    return Tensor::fromData(numbers, shape);
  }

  /// The newest tensors are likelier, so that graphs grow deep.
  Tensor any() {
    int n = static_cast<int>(pool_.size());
    return pool_[static_cast<size_t>(below(2) ? n - 1 - below(std::min(n, 3)) : below(n))];
  }

  static bool isSmall(const Tensor &t) {
    VarTable vars{{"T", kRows.bounds()}};
    auto count = elementCount(t.shape());
    return count && count->max(vars) <= 4096 &&
           std::ranges::all_of(t.shape(), [&](const Dim &extent) { return extent.min(vars) > 0; });
  }

  Tensor step() {
    Tensor x = any();
    int rank = x.ndim(), axis = rank ? below(rank) : 0;
    switch (below(26)) {
    case 0:
      return (x + any()).tanh();
    case 1:
      return (x * any()).sin();
    case 2:
      return x - 0.5 * any();
    case 3:
      return x.maximum(any());
    case 4:
      return x.silu();
    case 5:
      return x.sigmoid() + 1;
    case 6:
      return (x.square() + 1).log();
    case 7:
      return x.softmax(axis - rank);
    case 8:
      return x.rmsnorm();
    case 9:
      return x.layernorm();
    case 10:
      return x.mean(axis, below(2));
    case 11:
      return x.max(axis, below(2));
    case 12:
      return rank ? x.sum(-1, true).tanh() : x;
    case 13:
      return x.transpose(axis, rank - 1);
    case 14:
      return x.unsqueeze(axis);
    case 15:
      return x.flatten();
    case 16:
      return x.pad(std::vector<Padding>(static_cast<size_t>(rank), {1, 0}), 0.25);
    case 17:
      return rank ? x.slice(axis, 1, x.size(axis)) : x;
    case 18:
      return Tensor::cat({x, x.flip(axis)}, axis);
    case 19:
      return x.linear(data({5, 8})).tanh();
    case 20:
      return x.matmul(x.transpose(-2, -1)).tanh();
    case 21:
      return x.take(Tensor::fromData<int>({2, 0, 1, 1}));
    case 22:
      return x.repeat(std::vector<int64_t>(static_cast<size_t>(rank), 2));
    case 23:
      return x.expand({3, 6, 8});
    case 24:
      return x.half().toFloat();
    default:
      return (Tensor::arange(8) > 3).where(x, -x);
    }
  }

  std::mt19937 random_;
  std::vector<Tensor> pool_;
};

class RandomGraph : public testing::TestWithParam<unsigned> {};

TEST_P(RandomGraph, CompiledIsTheReference) {
  Grower grower(GetParam());
  std::vector<Tensor> tensors = grower.grow(10 + static_cast<int>(GetParam() % 40));
  auto compiled = compile([&](const std::vector<Tensor> &) { return tensors; },
                          {.variables = {kRows}, .compile = {.exact = true}});
  ASSERT_TRUE(compiled.ok()) << compiled.error().message;
  for (int64_t rows : {4, 1, 7}) {
    auto results = (*compiled)({}, {kRows.bind(rows)});
    ASSERT_TRUE(results.ok()) << results.error().message;
    for (size_t n = 0; n < tensors.size(); ++n) {
      reference::Value expected = valueOf(tensors[n], {{"T", rows}}, reference::Precision::Exact);
      ASSERT_EQ((*results)[n].shape, expected.shape);
      auto found = (*results)[n].values<float>();
      ASSERT_TRUE(found.ok()) << found.error().message;
      for (size_t i = 0; i < found->size(); ++i) {
        double wanted = expected.reals[i], got = (*found)[i];
        // Halves round to 5e-4, and graphs carry a few of those on.
        bool close = std::abs(got - wanted) <= 5e-3 * std::max(1.0, std::abs(wanted)) ||
                     (std::isnan(got) && std::isnan(wanted));
        ASSERT_TRUE(close) << "result " << n << "[" << i << "] at T = " << rows << " is " << got
                           << ", not " << wanted;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomGraph, testing::Range(0u, 60u));

} // namespace

} // namespace rosso

// The loop structures of kernels against the reference: every order of axes, every choice of
// reduced ones, edges of tiles, rows whose values are kept, reductions in parts, scans and
// scatters.

#include "frontend/Build.h"
#include "frontend/Jit.h"
#include "frontend/reference/Evaluator.h"
#include "frontend/reference/Value.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>
#include <random>

namespace rosso {

namespace {

bool isEmulated() { return std::getenv("ROSSO_DEVICE") != nullptr; }

Tensor numbers(const std::vector<int64_t> &shape, unsigned seed = 1) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-2, 2);
  size_t count = 1;
  for (int64_t extent : shape)
    count *= static_cast<size_t>(extent);
  std::vector<float> data(count);
  for (float &x : data)
    x = uniform(generator);
  return Tensor::fromData(data, Shape(shape.begin(), shape.end()));
}

Tensor places(const std::vector<int64_t> &shape, int low, int high) {
  std::mt19937 generator(7);
  std::uniform_int_distribution<int32_t> uniform(low, high);
  size_t count = 1;
  for (int64_t extent : shape)
    count *= static_cast<size_t>(extent);
  std::vector<int32_t> data(count);
  for (int32_t &x : data)
    x = uniform(generator);
  return Tensor::fromData(data, Shape(shape.begin(), shape.end()));
}

/// Compiled and run, every result is the reference's: integers exactly, floats within `tolerance`
/// of the larger of 1 and the value.
void expectAgreement(const std::vector<Tensor> &results, const std::string &what,
                     double tolerance = 1e-5) {
  SCOPED_TRACE(what);
  auto compiled = compile([&](const std::vector<Tensor> &) { return results; });
  ASSERT_TRUE(compiled.ok()) << compiled.error().message;
  auto found = (*compiled)({});
  ASSERT_TRUE(found.ok()) << found.error().message;
  GraphEntry entry{"main", {}};
  for (const Tensor &result : results)
    entry.outputs.emplace_back("out" + std::to_string(entry.outputs.size()), result.node());
  auto expected = reference::evaluate(entry, {}, reference::Precision::Exact);
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  for (size_t i = 0; i < results.size(); ++i) {
    auto value = reference::decode((*found)[i].dtype, (*found)[i].shape, (*found)[i].bytes);
    ASSERT_TRUE(value.ok()) << value.error().message;
    const reference::Value &wanted = (*expected)[i];
    ASSERT_EQ(value->shape, wanted.shape);
    for (size_t n = 0; n < static_cast<size_t>(wanted.count()); ++n) {
      const double w = wanted.at(n), slack = wanted.isReal() ? tolerance : 0;
      ASSERT_NEAR(value->at(n), w, slack * std::max(1.0, std::abs(w)))
          << "result " << i << ", element " << n;
    }
  }
}

std::string text(const std::vector<int> &axes) {
  std::string all;
  for (int axis : axes)
    all += std::to_string(axis) + " ";
  return all;
}

TEST(Layouts, ReductionsOfAnyAxesOfAnyOrder) {
  Tensor x = numbers({6, 17, 20});
  std::vector<int> order{0, 1, 2};
  do {
    std::vector<Tensor> results;
    for (int subset = 1; subset < 8; ++subset) {
      std::vector<int> axes;
      for (int axis = 0; axis < 3; ++axis)
        if (subset >> axis & 1)
          axes.push_back(axis);
      Tensor turned = x.permute(order);
      results.push_back(turned.sum(axes));
      results.push_back((turned * 2).max(axes, true));
      results.push_back(turned - turned.mean(axes, true));
    }
    expectAgreement(results, "permuted by " + text(order));
  } while (std::next_permutation(order.begin(), order.end()) && !isEmulated());
}

TEST(Layouts, NormsAndSoftmaxAlongAnyAxis) {
  Tensor x = numbers({5, 33, 40});
  for (int axis : {0, 1, 2})
    expectAgreement({x.softmax(axis), x.logSoftmax(axis), x.logsumexp(axis), x.layernorm(axis),
                     x.var(axis), x.gelu().softmax(axis), x.silu().layernorm(axis),
                     x.permute({2, 0, 1}).softmax(axis), x.softmax(axis).permute({1, 2, 0})},
                    "axis " + std::to_string(axis));
}

TEST(Layouts, TheFirstOfTheLargest) {
  Tensor x = numbers({9, 31, 12}).round();
  for (int axis : {0, 1, 2})
    expectAgreement({x.argmax(axis), x.permute({2, 1, 0}).argmin(axis), x.max(axis)},
                    "axis " + std::to_string(axis));
  expectAgreement({x.argmax()}, "of all");
}

TEST(Layouts, TurnedTensorsAndTheEdgesOfTiles) {
  Tensor x = numbers({130, 97}), y = numbers({97, 130}, 2), z = numbers({3, 70, 129}, 3);
  expectAgreement({x.permute({1, 0}) * 2, x.permute({1, 0}) + y, (x + y.permute({1, 0})).exp2()},
                  "matrices");
  expectAgreement({z.permute({0, 2, 1}) + 1, z.permute({2, 1, 0}) + 1, z.permute({1, 0, 2}) + 1,
                   z.permute({2, 0, 1}).flip(0) + z.permute({2, 0, 1})},
                  "of rank 3");
  expectAgreement({x.permute({1, 0}).reshape({-1}) + 1, x.reshape({65, 194}).permute({1, 0}) * 3,
                   (x.reshape({-1}) * 2 + y.reshape({-1})).reshape({10, 1261})},
                  "reshaped");
  expectAgreement(
      {x.permute({1, 0}).cast(DType::F16).cast(DType::F32), (x.permute({1, 0}) > 0).where(1, 0)},
      "converted", 1e-3);
}

TEST(Layouts, PadsAndConcats) {
  Tensor x = numbers({7, 21}), y = numbers({7, 5}, 2);
  expectAgreement({x.pad({{1, 2}, {3, 0}}, 4) * 2, x.pad({{0, 0}, {0, 6}}) + 1,
                   x.pad({{2, 0}, {1, 1}}).permute({1, 0}) + 0.5,
                   Tensor::cat({x, y, x}, 1).exp2() + Tensor::cat({y, x, x}, 1),
                   Tensor::cat({x.pad({{0, 0}, {2, 0}}), y}, 1)},
                  "along the last axis");
}

TEST(Layouts, LongReductionsInParts) {
  if (isEmulated())
    GTEST_SKIP() << "large tensors take minutes on the emulator";
  Tensor x = numbers({640, 512}), odd = numbers({524309}); // a prime
  expectAgreement({x.sum(), x.mean(), x.max(), x.argmax(), x - x.mean()}, "640 x 512", 1e-4);
  expectAgreement({odd.sum(), odd.min(), odd.argmax()}, "524309", 1e-4);
  expectAgreement({numbers({65536, 8}).sum(0), numbers({8, 65536}).max(1)}, "few rows", 1e-4);
}

TEST(Layouts, Scans) {
  Tensor x = numbers({4, 37, 19}), whole = places({5, 23}, -9, 9);
  for (int axis : {0, 1, 2})
    for (Op op : {Op::CumSum, Op::CumProd, Op::CumMax, Op::CumMin})
      expectAgreement(
          {build::scan(op, x * 1.25, axis), build::scan(op, x.permute({2, 0, 1}), axis) + 1},
          std::string(mnemonic(op)) + " along " + std::to_string(axis));
  expectAgreement({build::scan(Op::CumSum, whole, 1), build::scan(Op::CumMax, whole, 0)}, "of i32");
}

TEST(Layouts, Scatters) {
  Tensor base = numbers({11, 6}), updates = numbers({25, 6}, 2);
  Tensor index = places({25}, -1, 11); // some outside
  for (const char *combine : {"set", "sum", "prod", "max", "min"})
    expectAgreement({build::scatterRows(base, index, updates * 2, combine),
                     build::scatterRows(base.reshape({66}), places({5, 5}, 0, 65),
                                        numbers({5, 5}, 3), combine)},
                    combine);
}

} // namespace

} // namespace rosso

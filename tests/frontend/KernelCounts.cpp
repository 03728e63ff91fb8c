// How many kernels typical expressions are: fusion pinned, expression by expression.

#include "frontend/Compile.h"
#include "frontend/Tensor.h"

#include <cmath>
#include <functional>
#include <gtest/gtest.h>
#include <numbers>
#include <ostream>

namespace rosso {

namespace {

Tensor in(const char *name, Shape shape, DType dtype = DType::F32) {
  return Tensor::input(name, std::move(shape), dtype);
}
Tensor x() { return in("x", {64, 256}); }
Tensor y() { return in("y", {64, 256}); }
Tensor vector() { return in("v", {256}); }
Tensor image() { return in("image", {1, 8, 16, 16}); }
Tensor filter(const char *name, int64_t side) { return in(name, {8, 8, side, side}); }

Tensor rms(const Tensor &t) { return t * ((t * t).mean(-1, true) + 1e-6).rsqrt(); }

struct Case {
  const char *name;
  size_t kernels;
  std::function<std::vector<Tensor>()> make;
};
std::ostream &operator<<(std::ostream &out, const Case &test) { return out << test.name; }

const Case kCases[] = {
    {"chainOfEight", 1,
     [] {
       return std::vector{((((x() * 2 + 1).exp() - y()).tanh() * x()).sigmoid() - 0.5).relu()};
     }},
    {"geluByHand", 1,
     [] {
       Tensor t = x();
       return std::vector{0.5 * t * (1 + ((t + 0.044715 * t * t * t) * 0.79788456).tanh())};
     }},
    {"erfGelu", 1, [] { return std::vector{x() * 0.5 * (1 + (x() / std::numbers::sqrt2).erf())}; }},
    {"movementChain", 1,
     [] {
       return std::vector{
           x().permute({1, 0}).reshape({16, 16, 64}).flip(1).pad({{1, 0}, {0, 0}, {0, 2}}) + 1};
     }},
    {"transposeAndAdd", 1, [] { return std::vector{x().permute({1, 0}) + y().permute({1, 0})}; }},
    {"catOfSlices", 1,
     [] { return std::vector{Tensor::cat({x().slice(1, 128, 256), y().slice(1, 0, 128)}, 1)}; }},
    {"rotaryHalf", 2,
     [] {
       Tensor t = x(), half = Tensor::cat({-t.slice(1, 128, 256), t.slice(1, 0, 128)}, 1);
       return std::vector{t * vector().cos() + half * vector().sin()};
     }},
    {"resize", 2, // places and weights, then the image
     [] { return std::vector{x().reshape({1, 1, 64, 256}).interpolate({128, 512})}; }},
    {"whereOfMask", 1, [] { return std::vector{(x() > 0).where(x(), y() * 0.1)}; }},
    {"independentOutputs", 1, [] { return std::vector{x() + y(), x() * y(), (x() - y()).abs()}; }},
    {"viewOfInput", 1, [] { return std::vector{x().reshape({256, 64})}; }},
    {"constantsOnly", 1, [] { return std::vector{(Tensor::ones({8, 8}) * 2 + 1).sqrt()}; }},
    {"sumOfRows", 1, [] { return std::vector{(x() * y()).sum(1)}; }},
    {"sumOfColumns", 1, [] { return std::vector{(x() * y()).sum(0)}; }},
    {"sumOfAll", 1, [] { return std::vector{x().square().sum()}; }},
    {"meanOfPermuted", 1,
     [] { return std::vector{in("t", {4, 8, 32}).permute({2, 0, 1}).mean(std::vector<int>{1})}; }},
    {"argmax", 1, [] { return std::vector{(x() + y()).argmax(1)}; }},
    {"variance", 1, [] { return std::vector{x().var(1)}; }},
    {"standardise", 1,
     [] {
       Tensor t = x(), centred = t - t.mean(1, true);
       return std::vector{centred / (centred.square().mean(1, true) + 1e-5).sqrt()};
     }},
    {"softmax", 1, [] { return std::vector{x().softmax(-1)}; }},
    {"softmaxByHand", 1,
     [] {
       Tensor t = x(), powers = (t - t.max(1, true)).exp();
       return std::vector{powers / powers.sum(1, true)};
     }},
    {"softmaxOfColumns", 1, [] { return std::vector{x().softmax(0)}; }},
    {"logSoftmax", 1, [] { return std::vector{x().logSoftmax(-1)}; }},
    {"logsumexp", 1, [] { return std::vector{x().logsumexp(-1)}; }},
    {"layernorm", 1, [] { return std::vector{x().layernorm() * vector() + vector()}; }},
    {"rmsnormByHand", 1, [] { return std::vector{rms(x()) * vector()}; }},
    {"addAndNorm", 1,
     [] {
       Tensor sum = x() + y();
       return std::vector{sum, rms(sum)};
     }},
    {"crossEntropy", 2,
     [] { return std::vector{x().crossEntropy(in("labels", {64}, DType::I32))}; }},
    {"oneHotEmbedding", 1,
     [] {
       Tensor ids = in("ids", {12}, DType::I32);
       Tensor hot = ids.reshape({12, 1}).eq(Tensor::arange(64).reshape({1, 64}));
       return std::vector{(hot.reshape({12, 64, 1}).where(x().reshape({1, 64, 256}), 0)).sum(1)};
     }},
    {"embedding", 1, [] { return std::vector{x().embedding(in("ids", {12}, DType::I32)) * 2}; }},
    {"cumsum", 1, [] { return std::vector{(x() * 2).cumsum(1)}; }},
    {"topk", 2, [] { return std::vector{x().topk(5).first}; }},
    {"matmulBiasRelu", 1,
     [] { return std::vector{(x().matmul(in("w", {256, 32})) + in("b", {32})).relu()}; }},
    {"mlp", 2,
     [] {
       Tensor hidden = (x().matmul(in("w1", {256, 128})) + in("b1", {128})).gelu();
       return std::vector{hidden.matmul(in("w2", {128, 256})) + in("b2", {256}) + x()};
     }},
    {"swiglu", 3,
     [] {
       Tensor gate = x().matmul(in("g", {256, 128})), up = x().matmul(in("u", {256, 128}));
       return std::vector{(gate.silu() * up).matmul(in("d", {128, 256}))};
     }},
    {"attentionByHand", 1,
     [] {
       Tensor q = in("q", {4, 32, 16}), k = in("k", {4, 32, 16}), v = in("w", {4, 32, 16});
       Tensor scores = q.matmul(k.permute({0, 2, 1})) / 4.0;
       return std::vector{scores.softmax(-1).matmul(v)};
     }},
    {"convBatchnormRelu", 1,
     [] {
       Tensor t = image().conv2d(filter("w", 3), {}, 1, 1, 1, 1);
       Tensor shape = in("scale", {8}).reshape({1, 8, 1, 1}),
              by = in("shift", {8}).reshape({1, 8, 1, 1});
       return std::vector{(t * shape + by).relu()};
     }},
    {"residualBlock", 2,
     [] {
       auto conv = [](const Tensor &t, const char *w) {
         return t.conv2d(filter(w, 3), {}, 1, 1, 1, 1);
       };
       return std::vector{(conv(conv(image(), "w1").relu(), "w2") + image()).relu()};
     }},
    {"maxPool", 1, [] { return std::vector{image().maxPool2d()}; }},
    {"averagePool", 1, [] { return std::vector{image().mean(std::vector<int>{2, 3})}; }},
    {"zeroSize", 0, [] { return std::vector{in("none", {0, 4}) + 1}; }},
};

class KernelCount : public testing::TestWithParam<Case> {};

TEST_P(KernelCount, IsPinned) {
  const std::vector<Tensor> results = GetParam().make();
  Graph graph;
  graph.entries.push_back({"main", {}});
  for (const Tensor &result : results) {
    ASSERT_TRUE(result.ok()) << result.status().error().message;
    graph.entries[0].outputs.emplace_back("out" + std::to_string(graph.entries[0].outputs.size()),
                                          result.node());
  }
  auto program = compile(graph);
  ASSERT_TRUE(program.ok()) << program.error().message;
  std::string names;
  for (const Launch &launch : program->entries[0].launches)
    names += program->kernels[launch.kernel].name + "\n";
  EXPECT_EQ(program->entries[0].launches.size(), GetParam().kernels) << names;
}

INSTANTIATE_TEST_SUITE_P(Of, KernelCount, testing::ValuesIn(kCases),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace

} // namespace rosso

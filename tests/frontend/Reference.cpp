// The evaluator beyond single ops: leaves, states that persist, quantised weights, random numbers.

#include "Golden.h"

#include "ir/quant/Formats.h"

#include <cstring>
#include <gtest/gtest.h>

namespace rosso {

namespace {

using reference::Evaluator;
using reference::Value;

/// Leaves by name.
struct Leaves {
  std::map<std::string, std::vector<uint8_t>> bytes;

  template <typename T> void set(const std::string &name, const std::vector<T> &values) {
    bytes[name].resize(values.size() * sizeof(T));
    std::memcpy(bytes[name].data(), values.data(), bytes[name].size());
  }
  reference::LeafBytes reader() {
    return [this](const Node &leaf) -> Result<std::span<const uint8_t>> {
      auto found = bytes.find(leaf.attr<std::string>("name"));
      if (found == bytes.end())
        return badInput("no leaf '" + leaf.attr<std::string>("name") + "'");
      return std::span<const uint8_t>(found->second);
    };
  }
};

TEST(Evaluator, StatesPersistFromRunToRun) {
  Variable p("P", 0, 3);
  Tensor value = Tensor::input("x", {1});
  Tensor cache = Tensor::state("cache", {4}).assign({p}, value);
  GraphEntry step = makeEntry("step", {{"sum", cache.slice(0, 0, p + 1).sum()}});

  Leaves leaves;
  std::map<std::string, Value> states;
  std::vector<double> sums;
  for (int64_t position = 0; position < 4; ++position) {
    leaves.set<float>("x", {static_cast<float>(10 * position + 1)});
    auto out = Evaluator(leaves.reader()).run(step, {{"P", position}}, states);
    ASSERT_TRUE(out.ok()) << out.error().message;
    sums.push_back((*out)[0].reals[0]);
  }
  EXPECT_EQ(sums, (std::vector{1.0, 12.0, 33.0, 64.0}));
  EXPECT_EQ(states.at("cache").to<double>(), (std::vector{1.0, 11.0, 21.0, 31.0}));
}

TEST(Evaluator, StatesHoldTheirType) {
  Tensor cache = Tensor::state("cache", {1}, DType::F16).assign(Tensor::full({1}, 1.0f / 3));
  std::map<std::string, Value> states;
  auto out = Evaluator({}).run(makeEntry("e", {{"state:cache", cache}}), {}, states);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(states.at("cache").reals[0], 0.333251953125);
}

TEST(Evaluator, QuantisedStatesHoldBlocks) {
  // q8_0 with the largest magnitude 127 has the scale 1: every weight becomes an integer.
  std::vector<float> row(32);
  row[0] = -127;
  row[1] = 3.4f;
  row[2] = -3.6f;
  Tensor cache = Tensor::state("cache", {2, 32}, kQ8_0);
  Tensor updated = cache.assign({1, 0}, Tensor::fromData(row, {1, 32}));
  std::map<std::string, Value> states;
  GraphEntry entry = makeEntry("e", {{"y", updated.slice(1, 0, 4)}});
  auto out = Evaluator({}).run(entry, {}, states);
  ASSERT_TRUE(out.ok()) << out.error().message;
  EXPECT_EQ((*out)[0].to<double>(), (std::vector{0.0, 0.0, 0.0, 0.0, -127.0, 3.0, -4.0, 0.0}));
}

TEST(Evaluator, ReadsQuantisedRows) {
  // q8_0: an f16 scale and 32 signed codes. Row n has the scale 2^-n and the codes n, n+1, ...
  std::vector<uint8_t> blocks;
  const uint16_t scales[] = {0x3C00, 0x3800, 0x3400}; // 1, 1/2, 1/4
  for (int row = 0; row < 3; ++row) {
    blocks.push_back(scales[row] & 0xFF);
    blocks.push_back(scales[row] >> 8);
    for (int code = 0; code < 32; ++code)
      blocks.push_back(static_cast<uint8_t>(row + code));
  }
  Leaves leaves;
  leaves.bytes["w"] = blocks;
  Tensor w = Tensor::weight("w", {3, 32}, kQ8_0);
  Tensor x = Tensor::fromData<int>({1, 0, 2}).oneHot(32).toFloat(); // picks columns 1, 0, 2
  GraphEntry entry = makeEntry("e", {{"linear", x.linear(w)},
                                     {"rows", w.take(Tensor::fromData<int>({2})).sum()},
                                     {"values", (w * 4).max(1)}});
  std::map<std::string, Value> states;
  auto out = Evaluator(leaves.reader()).run(entry, {}, states);
  ASSERT_TRUE(out.ok()) << out.error().message;
  EXPECT_EQ((*out)[0].to<double>(), (std::vector{1.0, 1.0, 0.75, 0.0, 0.5, 0.5, 2.0, 1.5, 1.0}));
  EXPECT_EQ((*out)[1].to<double>(), std::vector{(32 * 2 + 31 * 16) / 4.0});
  EXPECT_EQ((*out)[2].to<double>(), (std::vector{124.0, 64.0, 33.0}));
}

TEST(Evaluator, GathersZerosOutsideTheTable) {
  Tensor table = Tensor::fromData<float>({1, 2, 3, 4}, {2, 2});
  EXPECT_EQ(elements(table.take(Tensor::fromData<int>({1, 2, -1, 0}))),
            (std::vector{3.0, 4.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0}));
}

TEST(Evaluator, ReportsEveryNode) {
  Tensor x = Tensor::fromData<float>({1, 2});
  Tensor doubled = x + x, total = doubled.sum();
  std::map<const Node *, std::vector<double>> seen;
  std::map<std::string, Value> states;
  auto out = Evaluator({}).run(
      makeEntry("e", {{"y", total}}), {}, states,
      [&](const Node &node, const Value &value) { seen[&node] = value.to<double>(); });
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(seen.at(doubled.node().get()), (std::vector{2.0, 4.0}));
  EXPECT_EQ(seen.at(total.node().get()), std::vector{6.0});
}

std::string failure(const Tensor &t, const VarValues &vars = {}) {
  Leaves leaves;
  leaves.set<float>("short", {1, 2});
  std::map<std::string, Value> states;
  auto out = Evaluator(leaves.reader()).run(makeEntry("e", {{"y", t}}), vars, states);
  return out ? "" : out.error().message;
}

TEST(Evaluator, RefusesWhatItCannotRead) {
  EXPECT_EQ(failure(Tensor::weight("absent", {2}) + 1), "no leaf 'absent'");
  EXPECT_EQ(failure(Tensor::input("short", {3})), "8 bytes of f32; expected 12");
  EXPECT_EQ(failure(Tensor::ones({1, 4}).linear(Tensor::weight("short", {2, 4}))),
            "weight 'short': 8 bytes of f32[2, 4]; expected 32");
  EXPECT_EQ(failure(Tensor::arange(Dim::variable("N"))), "variable 'N' has no value");
  EXPECT_EQ(
      failure(Tensor::arange(4).slice(0, Dim::variable("N"), Dim::variable("N") + 2), {{"N", 3}}),
      "shrink [2]: the region at [3] leaves the tensor [4]");
}

// --- random numbers ---

TEST(Random, IsTinygrads) {
  // Printed by tinygrad after Tensor.manual_seed(42): rand(5), then rand(2, 3).
  Tensor::manualSeed(42);
  EXPECT_EQ(elements(Tensor::rand({5})),
            (std::vector{0.38104248046875, 0.009775400161743164, 0.1128007173538208,
                         0.1176995038986206, 0.505361795425415}));
  EXPECT_EQ(elements(Tensor::rand({2, 3})),
            (std::vector{0.8983525037765503, 0.9685907363891602, 0.5968725681304932,
                         0.9116909503936768, 0.9868890047073364, 0.3919411897659302}));
  Tensor::manualSeed(42);
  std::vector<double> normal = elements(Tensor::randn({4}));
  const double expected[] = {0.6225841641426086, 0.17057617008686066, 0.8297092914581299,
                             0.3067406415939331};
  for (size_t n = 0; n < 4; ++n)
    EXPECT_NEAR(normal[n], expected[n], 1e-6);
}

TEST(Random, BitsDependOnKeyAndCounter) {
  // Tensor.random_bits of tinygrad for the key [1, 2] and the counter [3, 4].
  Tensor key = Tensor::fromData<uint32_t>({1, 2}), counter = Tensor::fromData<uint32_t>({3, 4});
  EXPECT_EQ(elements(Tensor::randomBits(key, counter, 5)),
            (std::vector{1778726050.0, 3792530969.0, 484810714.0, 3427664344.0, 3744864161.0}));
}

TEST(Random, IsUniform) {
  Tensor::manualSeed(7);
  std::vector<double> numbers = elements(Tensor::rand({20000}));
  int tenths[10] = {};
  for (double number : numbers) {
    ASSERT_GE(number, 0);
    ASSERT_LT(number, 1);
    ++tenths[static_cast<int>(number * 10)];
  }
  for (int count : tenths) // 2000 expected, standard deviation 42
    EXPECT_NEAR(count, 2000, 210);
}

} // namespace

} // namespace rosso

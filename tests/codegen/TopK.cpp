// Top-k against a whole sort: ties, NaN, every type, k from one to the whole row.
#include "support/Float.h"
#include "tests/codegen/KernelHarness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

namespace rosso::testing {
namespace {

struct Case {
  const char *device, *type;
  int64_t rows, length, k;
  int64_t distinct; // how many different numbers, at most; of these, in floats, one is NaN
};

class TopK : public ::testing::TestWithParam<Case> {};

/// A number as `type` stores it, and as it sorts.
struct Stored {
  uint64_t bits;
  size_t bytes;
  long double order;
};

Stored stored(const std::string &type, int64_t x, bool nan) {
  const auto order = nan ? INFINITY : static_cast<long double>(x);
  if (type == "f64") {
    const double value = nan ? NAN : static_cast<double>(x);
    return {std::bit_cast<uint64_t>(value), 8, order};
  }
  if (type == "f32" || type == "bf16" || type == "f16") {
    const float value = nan ? NAN : static_cast<float>(x);
    const auto bits = std::bit_cast<uint32_t>(value);
    if (type == "f16")
      return {floatToHalf(value), 2, order};
    return type == "f32" ? Stored{bits, 4, order} : Stored{bits >> 16, 2, order};
  }
  const size_t bytes = static_cast<size_t>(std::stoi(type.substr(type.find('i') + 1))) / 8;
  const int64_t value = type[0] == 'u' ? x + 128 : x;
  return {static_cast<uint64_t>(value), bytes, order};
}

TEST_P(TopK, AgreesWithASort) {
  const Case &c = GetParam();
  const std::string type = c.type,
                    x = "tensor<" + std::to_string(c.rows) + "x" + std::to_string(c.length) + "x" +
                        type + ">",
                    y = "tensor<" + std::to_string(c.rows) + "x" + std::to_string(c.k) + "xi32>";
  KernelHarness harness(
      "module attributes {rosso.vars = {}} {\nfunc.func @main(%x: " + x +
          " {rosso.name = \"x\", rosso.space = \"input\"}) -> (" + y +
          " {rosso.name = \"y\"}) {\n  %y = rosso.kernel \"topk\" topk (%a = %x : " + x + ") -> " +
          y +
          " attributes {slots = [#rosso.slot<output, index 0, offset 0>]} {\n"
          "    %0 = rosso.topk %a k " +
          std::to_string(c.k) + " : " + x + " -> " + y + "\n    rosso.yield %0 : " + y +
          "\n  }\n  return %y : " + y + "\n}\n}\n",
      c.device);
  std::mt19937 engine(7);
  std::uniform_int_distribution<int64_t> numbers(0, c.distinct - 1);
  std::vector<uint8_t> bytes;
  std::vector<long double> order;
  for (int64_t i = 0; i < c.rows * c.length; ++i) {
    const int64_t number = numbers(engine);
    const Stored s = stored(type, number - c.distinct / 2, type.starts_with('f') && number == 3);
    auto *raw = reinterpret_cast<const uint8_t *>(&s.bits);
    bytes.insert(bytes.end(), raw, raw + s.bytes);
    order.push_back(s.order);
  }
  harness.set("x", bytes);
  harness.run();
  const std::vector<int32_t> result = harness.output<int32_t>();
  for (int64_t row = 0; row < c.rows; ++row) {
    std::vector<int32_t> expected(static_cast<size_t>(c.length));
    std::iota(expected.begin(), expected.end(), 0);
    const long double *of = order.data() + row * c.length;
    std::sort(expected.begin(), expected.end(),
              [&](int32_t a, int32_t b) { return of[a] != of[b] ? of[a] > of[b] : a < b; });
    for (int64_t i = 0; i < c.k; ++i)
      ASSERT_EQ(result[static_cast<size_t>(row * c.k + i)], expected[static_cast<size_t>(i)])
          << "row " << row << " place " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Host, TopK,
                         ::testing::Values(Case{"host", "f32", 2, 500, 10, 1000},
                                           Case{"host", "ui8", 2, 300, 300, 200}));
INSTANTIATE_TEST_SUITE_P(Gpu, TopK,
                         ::testing::Values(Case{"emu:gfx1100,strict", "f32", 1, 20000, 40, 1000000},
                                           Case{"emu:gfx1100,strict", "f32", 2, 500, 10, 5},
                                           Case{"emu:gfx1100,strict", "f16", 2, 300, 7, 400},
                                           Case{"emu:gfx1100,strict", "bf16", 1, 300, 300, 100},
                                           Case{"emu:gfx1100,strict", "f64", 2, 400, 33, 300},
                                           Case{"emu:gfx1100,strict", "i8", 1, 700, 100, 200},
                                           Case{"emu:gfx1100,strict", "i16", 1, 100, 1, 60000},
                                           Case{"emu:gfx1100,strict", "i32", 1, 999, 64, 100000},
                                           Case{"emu:gfx1100,strict", "i64", 1, 400, 17, 100000},
                                           Case{"emu:gfx1100,strict", "ui8", 2, 300, 300, 200},
                                           Case{"emu:gfx1100,strict", "ui32", 1, 300, 20, 200},
                                           Case{"emu:gfx1100,strict", "ui64", 1, 1, 1, 200},
                                           Case{"emu:gfx1100,strict", "i32", 1, 5000, 4500, 3000}));

} // namespace
} // namespace rosso::testing

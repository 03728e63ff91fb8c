// matmul and linear of dense operands, and of views of them, against plain loops. Elements are
// small whole numbers, so that sums are exact in every type and any order.
#include "tests/codegen/KernelHarness.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace rosso::testing {
namespace {

/// -3 to 3, the same for the same seed.
std::vector<int> smallNumbers(int64_t count, uint32_t seed) {
  std::vector<int> numbers;
  for (int64_t i = 0; i < count; ++i) {
    seed = seed * 1664525 + 1013904223;
    numbers.push_back(static_cast<int>(seed >> 16) % 7 - 3);
  }
  return numbers;
}

std::string tensor(const std::vector<int64_t> &shape, const std::string &element) {
  std::string text = "tensor<";
  for (int64_t extent : shape)
    text += std::to_string(extent) + "x";
  return text + element + ">";
}

/// `text` with numbers in the places of letters.
std::string replaced(std::string_view text, const std::map<char, std::string> &numbers) {
  std::string result;
  for (char c : text)
    if (auto number = numbers.find(c); number != numbers.end())
      result += number->second;
    else
      result += c;
  return result;
}

int64_t product(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

std::vector<uint8_t> bytesOf(const std::vector<int> &numbers, const std::string &element) {
  std::vector<uint8_t> bytes;
  auto put = [&](auto value) {
    auto *at = reinterpret_cast<const uint8_t *>(&value);
    bytes.insert(bytes.end(), at, at + sizeof value);
  };
  for (int number : numbers) {
    auto real = static_cast<float>(number);
    if (element == "f64")
      put(static_cast<double>(number));
    else if (element == "f32")
      put(real);
    else if (element == "f16")
      put(std::bit_cast<uint16_t>(static_cast<_Float16>(real)));
    else if (element == "bf16") // short enough to be cut off
      put(static_cast<uint16_t>(std::bit_cast<uint32_t>(real) >> 16));
    else if (element.ends_with("64"))
      put(static_cast<int64_t>(number));
    else if (element.ends_with("32"))
      put(static_cast<int32_t>(number));
    else if (element.ends_with("16"))
      put(static_cast<int16_t>(number));
    else
      put(static_cast<int8_t>(number));
  }
  return bytes;
}

/// The elements as numbers.
std::vector<double> numbersOf(KernelHarness &harness, const std::string &element) {
  std::vector<double> numbers;
  auto take = [&]<typename T>(T) {
    for (T value : harness.output<T>())
      numbers.push_back(static_cast<double>(value));
  };
  if (element == "f64")
    take(double{});
  else if (element == "f32")
    take(float{});
  else if (element == "f16")
    for (uint16_t bits : harness.output<uint16_t>())
      numbers.push_back(static_cast<double>(std::bit_cast<_Float16>(bits)));
  else if (element == "bf16")
    for (uint16_t bits : harness.output<uint16_t>())
      numbers.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits) << 16));
  else if (element.ends_with("64"))
    take(int64_t{});
  else if (element.ends_with("32"))
    take(int32_t{});
  else if (element.ends_with("16"))
    take(int16_t{});
  else
    take(int8_t{});
  return numbers;
}

/// A kernel of inputs %a and %b. `body` computes %r from them.
std::string module(const std::string &a, const std::string &b, const std::string &body,
                   const std::string &r) {
  return "func.func @main(%x: " + a + " {rosso.name = \"a\", rosso.space = \"input\"}, %w: " + b +
         " {rosso.name = \"b\", rosso.space = \"input\"}) -> (" + r +
         " {rosso.name = \"r\"}) {\n  %y = rosso.kernel \"matmul\" matmul (%a = %x : " + a +
         ", %b = %w : " + b + ") -> " + r +
         " attributes {slots = [#rosso.slot<output, index 0, offset 0>]} {\n" + body +
         "    rosso.yield %r : " + r + "\n  }\n  return %y : " + r + "\n}\n";
}

bool runsHere([[maybe_unused]] const std::string &target) {
#ifdef __x86_64__
  return !target.ends_with("v3") || __builtin_cpu_supports("avx2");
#else
  return !target.starts_with("host:");
#endif
}

//===-- types and sizes --------------------------------------------------------------------------//

struct Product {
  std::string element, target;
  bool linear = false;
  int64_t rows, width, length;
};

class DenseProduct : public ::testing::TestWithParam<Product> {};

TEST_P(DenseProduct, IsTheSumOfProducts) {
  const Product &p = GetParam();
  if (!runsHere(p.target))
    GTEST_SKIP() << "this CPU cannot run code for " << p.target;
  std::vector<int64_t> right = {p.length, p.width};
  if (p.linear)
    std::swap(right[0], right[1]);
  std::string a = tensor({p.rows, p.length}, p.element), b = tensor(right, p.element),
              r = tensor({p.rows, p.width}, p.element);
  KernelHarness harness(module(a, b,
                               std::string("    %r = rosso.") + (p.linear ? "linear" : "matmul") +
                                   " %a, %b : (" + a + ", " + b + ") -> " + r + "\n",
                               r),
                        p.target);
  std::vector<int> x = smallNumbers(p.rows * p.length, 1), w = smallNumbers(product(right), 2);
  harness.set("a", bytesOf(x, p.element));
  harness.set("b", bytesOf(w, p.element));
  harness.run();
  std::vector<double> y = numbersOf(harness, p.element);
  ASSERT_EQ(static_cast<int64_t>(y.size()), p.rows * p.width);
  for (int64_t m = 0; m < p.rows; ++m)
    for (int64_t n = 0; n < p.width; ++n) {
      int64_t sum = 0;
      for (int64_t k = 0; k < p.length; ++k)
        sum += int64_t{x[static_cast<size_t>(m * p.length + k)]} *
               w[static_cast<size_t>(p.linear ? n * p.length + k : k * p.width + n)];
      auto expected = static_cast<double>(p.element == "i8" ? static_cast<int8_t>(sum) : sum);
      // bf16 keeps 8 bits of the sum, f16 11.
      double bound = p.element == "bf16"  ? std::abs(expected) / 256
                     : p.element == "f16" ? std::abs(expected) / 2048
                                          : 0;
      ASSERT_NEAR(y[static_cast<size_t>(m * p.width + n)], expected, bound)
          << "row " << m << " column " << n;
    }
}

std::vector<Product> products() {
  std::vector<Product> all;
  for (const char *element : {"f32", "f64", "f16", "bf16", "i8", "i16", "i32", "i64", "ui32"})
    all.push_back({element, "host", false, 37, 71, 45});
  for (const char *target : {"host", "host:x86-64-v3", "host:x86-64-v2"}) {
    for (auto [rows, width, length] : std::vector<std::array<int64_t, 3>>{{1, 1, 1},
                                                                          {1, 300, 40},
                                                                          {1, 17, 1000},
                                                                          {300, 1, 40},
                                                                          {2, 3, 5},
                                                                          {8, 32, 16},
                                                                          {33, 49, 700},
                                                                          {130, 270, 300},
                                                                          {260, 31, 33}})
      for (bool linear : {false, true})
        all.push_back({"f32", target, linear, rows, width, length});
    all.push_back({"f64", target, false, 50, 100, 300});
    all.push_back({"f16", target, true, 20, 40, 70});
    all.push_back({"i32", target, false, 20, 40, 70});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(
    TypesAndSizes, DenseProduct, ::testing::ValuesIn(products()), [](const auto &info) {
      const Product &p = info.param;
      std::string name = p.element + (p.linear ? "_linear_" : "_matmul_") + std::to_string(p.rows) +
                         "x" + std::to_string(p.width) + "x" + std::to_string(p.length) + "_" +
                         (p.target == "host" ? "host" : p.target.substr(p.target.size() - 2)) +
                         "_" + std::to_string(info.index);
      return name;
    });

//===-- views ------------------------------------------------------------------------------------//

/// A matmul [batch, rows, length] by [batch, length, width] of views that `body` makes: %l and %m.
struct View {
  std::string name;
  std::vector<int64_t> a, b;
  std::string elements = "f32"; // of a and b
  std::string body;
  int64_t batch, rows, width, length;
  // Positions in a and b of an element of the views; -1: a zero.
  std::function<int64_t(int64_t batch, int64_t row, int64_t k)> left;
  std::function<int64_t(int64_t batch, int64_t k, int64_t column)> right;
  int factor = 1; // of the products
};

std::vector<View> views() {
  std::vector<View> all;
  all.push_back({"BothTransposed",
                 {45, 37},
                 {70, 45},
                 "f32",
                 "    %l0 = rosso.permute %a [1, 0] : tensor<45x37xf32> -> tensor<37x45xf32>\n"
                 "    %l = rosso.reshape %l0 : tensor<37x45xf32> -> tensor<1x37x45xf32>\n"
                 "    %m0 = rosso.permute %b [1, 0] : tensor<70x45xf32> -> tensor<45x70xf32>\n"
                 "    %m = rosso.reshape %m0 : tensor<45x70xf32> -> tensor<1x45x70xf32>\n",
                 1,
                 37,
                 70,
                 45,
                 [](int64_t, int64_t row, int64_t k) { return k * 37 + row; },
                 [](int64_t, int64_t k, int64_t column) { return column * 45 + k; }});
  // Heads [T, H, d] as [H, T, d], keys transposed, shared by two heads each.
  all.push_back(
      {"Heads",
       {19, 4, 24},
       {2, 21, 24},
       "f32",
       "    %l = rosso.permute %a [1, 0, 2] : tensor<19x4x24xf32> -> tensor<4x19x24xf32>\n"
       "    %m0 = rosso.permute %b [0, 2, 1] : tensor<2x21x24xf32> -> tensor<2x24x21xf32>\n"
       "    %m1 = rosso.reshape %m0 : tensor<2x24x21xf32> -> tensor<2x1x24x21xf32>\n"
       "    %m2 = rosso.expand %m1 : tensor<2x1x24x21xf32> -> tensor<2x2x24x21xf32>\n"
       "    %m = rosso.reshape %m2 : tensor<2x2x24x21xf32> -> tensor<4x24x21xf32>\n",
       4,
       19,
       21,
       24,
       [](int64_t head, int64_t row, int64_t k) { return (row * 4 + head) * 24 + k; },
       [](int64_t head, int64_t k, int64_t column) { return (head / 2 * 21 + column) * 24 + k; }});
  all.push_back({"Halves",
                 {9, 33},
                 {33, 40},
                 "f16",
                 "    %l0 = rosso.cast %a : tensor<9x33xf16> -> tensor<9x33xf32>\n"
                 "    %l = rosso.reshape %l0 : tensor<9x33xf32> -> tensor<1x9x33xf32>\n"
                 "    %m0 = rosso.cast %b : tensor<33x40xf16> -> tensor<33x40xf32>\n"
                 "    %m = rosso.reshape %m0 : tensor<33x40xf32> -> tensor<1x33x40xf32>\n",
                 1,
                 9,
                 40,
                 33,
                 [](int64_t, int64_t row, int64_t k) { return row * 33 + k; },
                 [](int64_t, int64_t k, int64_t column) { return k * 40 + column; }});
  all.push_back({"Computed",
                 {9, 33},
                 {40, 33},
                 "f32",
                 "    %l0 = rosso.add %a, %a : tensor<9x33xf32>\n"
                 "    %l = rosso.reshape %l0 : tensor<9x33xf32> -> tensor<1x9x33xf32>\n"
                 "    %m0 = rosso.neg %b : tensor<40x33xf32>\n"
                 "    %m1 = rosso.permute %m0 [1, 0] : tensor<40x33xf32> -> tensor<33x40xf32>\n"
                 "    %m = rosso.reshape %m1 : tensor<33x40xf32> -> tensor<1x33x40xf32>\n",
                 1,
                 9,
                 40,
                 33,
                 [](int64_t, int64_t row, int64_t k) { return row * 33 + k; },
                 [](int64_t, int64_t k, int64_t column) { return column * 33 + k; },
                 -2});
  all.push_back(
      {"Shifted",
       {10, 30},
       {40, 50},
       "f32",
       "    %l0 = rosso.pad %a before [\"2\", \"3\"] after [\"1\", \"4\"] value 0.0 : "
       "tensor<10x30xf32> -> tensor<13x37xf32>\n"
       "    %l = rosso.reshape %l0 : tensor<13x37xf32> -> tensor<1x13x37xf32>\n"
       "    %m0 = rosso.shrink %b [\"1\", \"5\"] : tensor<40x50xf32> -> "
       "tensor<37x41xf32>\n"
       "    %m1 = rosso.flip %m0 [1] : tensor<37x41xf32> -> tensor<37x41xf32>\n"
       "    %m = rosso.reshape %m1 : tensor<37x41xf32> -> tensor<1x37x41xf32>\n",
       1,
       13,
       41,
       37,
       [](int64_t, int64_t row, int64_t k) -> int64_t {
         bool inside = row >= 2 && row < 12 && k >= 3 && k < 33;
         return inside ? (row - 2) * 30 + k - 3 : -1;
       },
       [](int64_t, int64_t k, int64_t column) { return (k + 1) * 50 + 5 + 40 - column; }});
  // Convolutions: weight [5, 3 * 3 * 3] by the windows of images [2, 3, 11, 20], padded by one.
  for (int64_t step : {1, 2}) {
    int64_t height = (11 + 2 - 3) / step + 1, width = (20 + 2 - 3) / step + 1;
    std::string h = std::to_string(height), w = std::to_string(width), s = std::to_string(step);
    std::string plane = std::to_string(height * width);
    all.push_back(
        {step == 1 ? "Convolution" : "StridedConvolution",
         {5, 3, 3, 3},
         {2, 3, 11, 20},
         "f32",
         replaced("    %l0 = rosso.reshape %a : tensor<5x3x3x3xf32> -> tensor<1x5x27xf32>\n"
                  "    %l = rosso.expand %l0 : tensor<1x5x27xf32> -> tensor<2x5x27xf32>\n"
                  "    %p = rosso.pad %b before [\"0\", \"0\", \"1\", \"1\"] after [\"0\", "
                  "\"0\", \"1\", \"1\"] value 0.0 : tensor<2x3x11x20xf32> -> "
                  "tensor<2x3x13x22xf32>\n"
                  "    %w0 = rosso.window %p axis 2 size 3 step S dilation 1 : "
                  "tensor<2x3x13x22xf32> -> tensor<2x3xHx22x3xf32>\n"
                  "    %w1 = rosso.window %w0 axis 3 size 3 step S dilation 1 : "
                  "tensor<2x3xHx22x3xf32> -> tensor<2x3xHxWx3x3xf32>\n"
                  "    %w2 = rosso.permute %w1 [0, 1, 4, 5, 2, 3] : tensor<2x3xHxWx3x3xf32> -> "
                  "tensor<2x3x3x3xHxWxf32>\n"
                  "    %m = rosso.reshape %w2 : tensor<2x3x3x3xHxWxf32> -> tensor<2x27xPxf32>\n",
                  {{'S', s}, {'H', h}, {'W', w}, {'P', plane}}),
         2,
         5,
         height * width,
         27,
         [](int64_t, int64_t row, int64_t k) { return row * 27 + k; },
         [=](int64_t image, int64_t k, int64_t column) -> int64_t {
           int64_t channel = k / 9, y = column / width * step + k % 9 / 3 - 1,
                   x = column % width * step + k % 3 - 1;
           bool inside = y >= 0 && y < 11 && x >= 0 && x < 20;
           return inside ? ((image * 3 + channel) * 11 + y) * 20 + x : -1;
         }});
  }
  return all;
}

using ViewCase = std::tuple<size_t, std::string>;
class DenseView : public ::testing::TestWithParam<ViewCase> {};

TEST_P(DenseView, IsReadInPlace) {
  auto [number, target] = GetParam();
  if (!runsHere(target))
    GTEST_SKIP() << "this CPU cannot run code for " << target;
  const View v = views()[number];
  std::string l = tensor({v.batch, v.rows, v.length}, "f32"),
              m = tensor({v.batch, v.length, v.width}, "f32"),
              r = tensor({v.batch, v.rows, v.width}, "f32");
  // relu(2 * matmul) beside it: an epilogue.
  std::string body = v.body + "    %t = rosso.matmul %l, %m : (" + l + ", " + m + ") -> " + r +
                     "\n    %z0 = rosso.constant 0.0 -> tensor<f32>\n    %z1 = rosso.reshape %z0 : "
                     "tensor<f32> -> tensor<1x1x1xf32>\n    %z = rosso.expand %z1 : "
                     "tensor<1x1x1xf32> -> " +
                     r + "\n    %d = rosso.add %t, %t : " + r +
                     "\n    %r = rosso.max %d, %z : " + r + "\n";
  KernelHarness harness(module(tensor(v.a, v.elements), tensor(v.b, v.elements), body, r), target);
  std::vector<int> x = smallNumbers(product(v.a), 5), w = smallNumbers(product(v.b), 6);
  harness.set("a", bytesOf(x, v.elements));
  harness.set("b", bytesOf(w, v.elements));
  harness.run();
  std::vector<float> y = harness.output<float>();
  for (int64_t matrix = 0, at = 0; matrix < v.batch; ++matrix)
    for (int64_t row = 0; row < v.rows; ++row)
      for (int64_t column = 0; column < v.width; ++column, ++at) {
        int sum = 0;
        for (int64_t k = 0; k < v.length; ++k) {
          int64_t i = v.left(matrix, row, k), j = v.right(matrix, k, column);
          sum += (i < 0 ? 0 : x[static_cast<size_t>(i)]) * (j < 0 ? 0 : w[static_cast<size_t>(j)]);
        }
        ASSERT_EQ(y[static_cast<size_t>(at)], static_cast<float>(std::max(0, 2 * v.factor * sum)))
            << v.name << " matrix " << matrix << " row " << row << " column " << column;
      }
}

INSTANTIATE_TEST_SUITE_P(Views, DenseView,
                         ::testing::Combine(::testing::Range<size_t>(0, 7),
                                            ::testing::Values("host", "host:x86-64-v3",
                                                              "host:x86-64-v2", "emu:gfx1100")),
                         [](const auto &info) {
                           std::string target = std::get<1>(info.param);
                           for (char &c : target)
                             if (!std::isalnum(static_cast<unsigned char>(c)))
                               c = '_';
                           return views()[std::get<0>(info.param)].name + "_" + target;
                         });

} // namespace
} // namespace rosso::testing

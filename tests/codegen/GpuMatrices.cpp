// matmuls by matrix instructions: what the kernels of large models take of a GPU, what they do
// there (on the emulator), and that groups of linears are right.
#include "codegen/Codegen.h"
#include "codegen/amdgpu/AmdCompiler.h"
#include "ir/Rosso.h"
#include "ir/quant/Expand.h"
#include "ir/quant/Formats.h"
#include "runtime/amd/Chip.h"
#include "runtime/emulator/Emulator.h"
#include "tests/codegen/KernelHarness.h"
#include "tests/quant/RandomBlocks.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <iostream>

namespace rosso::testing {
namespace {

/// A linear of the kernel.
struct Weight {
  int64_t rows;
  std::string format;
};

struct Model {
  std::string name;
  int64_t hidden, heads, keys, inner; // hidden state; q; k and v; gate and up
  std::string most, value, down;      // formats
};

// Q4_K_M: some layers have q6_k for v and down.
const Model kModels[] = {
    {"qwen2.5-7b", 3584, 3584, 512, 18944, "q4_k", "q6_k", "q6_k"},
    {"qwen2.5-14b", 5120, 5120, 1024, 13824, "q4_k", "q4_k", "q4_k"},
    {"llama-3.1-8b", 4096, 4096, 1024, 14336, "q4_k", "q6_k", "q6_k"},
};

/// An entry of one kernel: linears of one x, and what becomes of them. Bias: each gets one added;
/// Residual: the only one gets x added; Gate: of two, a product, in int8.
class KernelText {
public:
  enum class End { Bias, Residual, Gate };

  KernelText(int64_t columns, std::vector<Weight> weights, End end, int64_t mostTokens = 512,
             const QuantFormat &activations = kQ8_S)
      : k_(columns), weights_(std::move(weights)), end_(end), mostTokens_(mostTokens),
        activations_(&activations) {}

  int64_t columns() const { return k_; }
  const std::vector<Weight> &weights() const { return weights_; }
  const QuantFormat &activations() const { return *activations_; }

  std::string text() const {
    std::string x = tokens(k_, "!rosso.quant<" + std::string(activations_->name) + ">");
    std::string arguments = "%x: " + x + input("x");
    std::string inputs = "%a = %x : " + x, body, results, yields, slots, names, returns;
    for (size_t i = 0; i < weights_.size(); ++i) {
      std::string n = std::to_string(i);
      const Weight &w = weights_[i];
      std::string type = "tensor<" + std::to_string(w.rows) + "x" + std::to_string(k_) +
                         "x!rosso.quant<" + w.format + ">>";
      arguments += ", %w" + n + ": " + type + " {rosso.name = \"w" + n +
                   "\", rosso.space = \"weight\", rosso.layout = \"tile32\"}";
      inputs += ", %b" + n + " = %w" + n + " : " + type;
      std::string y = tokens(w.rows, "f32");
      body += "    %y" + n + " = rosso.linear %a, %b" + n + " : (" + x + ", " + type + ") -> " + y +
              "\n";
      std::string result = "%y" + n;
      if (end_ == End::Residual) {
        arguments += ", %r: " + y + input("r");
        inputs += ", %c = %r : " + y;
        body += "    %sum = rosso.add %y0, %c : " + y + "\n";
        result = "%sum";
      } else if (end_ == End::Bias) {
        std::string bias = "tensor<" + std::to_string(w.rows) + "xf32>";
        std::string row = "tensor<1x" + std::to_string(w.rows) + "xf32>";
        arguments += ", %v" + n + ": " + bias + " {rosso.name = \"v" + n +
                     "\", rosso.space = \"weight\", rosso.layout = \"rows\"}";
        inputs += ", %d" + n + " = %v" + n + " : " + bias;
        body += "    %e" + n + " = rosso.reshape %d" + n + " : " + bias + " -> " + row + "\n";
        body += "    %f" + n + " = rosso.expand %e" + n + " : " + row + " -> " + y + "\n";
        body += "    %s" + n + " = rosso.add %y" + n + ", %f" + n + " : " + y + "\n";
        result = "%s" + n;
      } else if (i == 0) {
        continue;
      } else {
        std::string packed = tokens(w.rows, "!rosso.quant<q8_a>");
        body += "    %m = rosso.mul %y0, %y1 : " + y + "\n    %q = rosso.quantize %m : " + y +
                " -> " + packed + "\n";
        result = "%q";
        y = packed;
      }
      auto join = [](std::string &list, const std::string &item) {
        list += (list.empty() ? "" : ", ") + item;
      };
      join(slots, "#rosso.slot<output, index " + std::to_string(returned_) + ", offset 0>");
      join(results, y);
      join(names, y + " {rosso.name = \"o" + n + "\"}");
      join(yields, result);
      join(returns, "%o#" + std::to_string(returned_++));
    }
    std::string count = std::to_string(returned_);
    returned_ = 0;
    return "module attributes {rosso.scratch_bytes = 0 : i64, rosso.vars = {T = [1, " +
           std::to_string(mostTokens_) + "]}} {\nfunc.func @main(" + arguments + ") -> (" + names +
           ") {\n  %o:" + count + " = rosso.kernel \"matmul\" matmul (" + inputs + ") -> (" +
           results + ") attributes {slots = [" + slots + "]} {\n" + body + "    rosso.yield " +
           yields + " : " + results + "\n  }\n  return " + returns + " : " + results + "\n}\n}\n";
  }

private:
  static std::string input(const std::string &name) {
    return " {rosso.name = \"" + name + "\", rosso.space = \"input\"}";
  }
  static std::string tokens(int64_t columns, const std::string &element) {
    return "tensor<?x" + std::to_string(columns) + "x" + element + ", #rosso.dims<\"T\">>";
  }

  int64_t k_;
  std::vector<Weight> weights_;
  End end_;
  int64_t mostTokens_;
  const QuantFormat *activations_;
  mutable int returned_ = 0;
};

KernelResources compiled(const std::string &text, const std::string &chip) {
  mlir::MLIRContext context;
  context.loadDialect<RossoDialect, mlir::func::FuncDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(module) << text;
  if (!module)
    return {};
  CodegenOptions options;
  options.target = "amdgpu:" + chip;
  if (std::getenv("ROSSO_TEST_DUMP"))
    options.dump = [](std::string_view stage, std::string_view name, std::string_view code) {
      std::cerr << "---- " << stage << ' ' << name << '\n' << code << '\n';
    };
  Result<Program> program = generate(*module, options);
  if (!program) {
    ADD_FAILURE() << program.error().message;
    return {};
  }
  auto resources = resourcesOf(program->code, program->kernels.front().symbol);
  EXPECT_TRUE(resources);
  return resources ? *resources : KernelResources{};
}

/// No scratch memory, no spills, and room for two work groups of eight waves in a WGP.
void expectWithinLimits(const std::string &text, const std::string &chip) {
  KernelResources resources = compiled(text, chip);
  EXPECT_EQ(resources.scratchBytes, 0u);
  EXPECT_EQ(resources.vgprSpills, 0u);
  EXPECT_EQ(resources.sgprSpills, 0u);
  EXPECT_GT(resources.vgprs, 0u);
  EXPECT_LE(resources.vgprs, 256u);
  EXPECT_LE(resources.ldsBytes, amd::kLdsBytesPerWgp / 2);
  EXPECT_GE(amd::wavesPerSimd(*amd::findChip(chip), resources.vgprs), 4u);
}

TEST(GpuMatrices, OfLargeModelsStayWithinLimits) {
  for (const Model &m : kModels) {
    SCOPED_TRACE(m.name);
    using End = KernelText::End;
    KernelText qkv(m.hidden, {{m.heads, m.most}, {m.keys, m.most}, {m.keys, m.value}}, End::Bias);
    KernelText output(m.heads, {{m.hidden, m.most}}, End::Residual);
    KernelText gateUp(m.hidden, {{m.inner, m.most}, {m.inner, m.most}}, End::Gate);
    KernelText down(m.inner, {{m.hidden, m.down}}, End::Residual);
    for (const KernelText *kernel : {&qkv, &output, &gateUp, &down})
      expectWithinLimits(kernel->text(), "gfx1100");
  }
}

TEST(GpuMatrices, CompileForEveryChipThatHasThem) {
  for (const amd::Chip &chip : amd::chips()) {
    SCOPED_TRACE(chip.name);
    if (!chip.hasWmma)
      continue;
    for (int64_t mostTokens : {64, 512})
      expectWithinLimits(
          KernelText(1024, {{320, "q4_k"}, {320, "q5_k"}}, KernelText::End::Gate, mostTokens)
              .text(),
          std::string(chip.name));
  }
}

/// Random int8 activations as kernels keep them: codes, then records of d and sums, which matmuls
/// do not read. Some tokens are a million times larger than others, and so are some blocks.
struct Activations {
  std::vector<uint8_t> bytes;
  std::vector<float> values;

  Activations(int64_t tokens, int64_t columns, const QuantFormat &format) {
    std::mt19937 random(11);
    std::uniform_real_distribution<float> uniform(0.5f, 1.0f);
    for (int64_t t = 0; t < tokens; ++t) {
      std::vector<uint8_t> codes(static_cast<size_t>(columns)), records;
      for (uint8_t &code : codes)
        code = static_cast<uint8_t>(1 + random() % 255);
      for (int64_t block = 0; block < columns / 32; ++block) {
        float d = uniform(random) * std::ldexp(1.0f, static_cast<int>(t % 3) * 10 - 14 -
                                                         static_cast<int>(random() % 8));
        float record[4] = {d, 0, 0, 0};
        auto *raw = reinterpret_cast<const uint8_t *>(record);
        records.insert(records.end(), raw, raw + sizeof record);
        for (int64_t i = 0; i < 32; ++i)
          values.push_back(d *
                           static_cast<float>(codes[static_cast<size_t>(block * 32 + i)] - 128));
      }
      for (uint8_t code : codes)
        bytes.push_back(format.signedCodes ? code ^ 0x80 : code);
      bytes.insert(bytes.end(), records.begin(), records.end());
    }
  }
};

/// A kernel with its weights on the emulator, and what its linears should give.
struct Loaded {
  KernelHarness harness;
  std::vector<std::vector<double>> sums, bounds; // [linear][token][row]

  Loaded(const KernelText &kernel, int64_t tokens, const std::string &device)
      : harness(kernel.text(), device) {
    const std::vector<Weight> &weights = kernel.weights();
    const int64_t columns = kernel.columns();
    Activations x(tokens, columns, kernel.activations());
    harness.set("x", x.bytes);
    std::mt19937 random(5);
    std::vector<float> row(static_cast<size_t>(columns));
    for (size_t l = 0; l < weights.size(); ++l) {
      const QuantFormat &format = *findFormat(weights[l].format);
      size_t rowBytes = format.rowBytes(columns), rows = static_cast<size_t>(weights[l].rows);
      std::vector<uint8_t> blocks =
          randomBlocks(format, rows * row.size() / format.blockLen, random);
      harness.set("w" + std::to_string(l), blocks);
      sums.emplace_back(rows * static_cast<size_t>(tokens));
      bounds.emplace_back(sums.back().size());
      for (size_t n = 0; n < rows; ++n) {
        expandRow(format, std::span(blocks).subspan(n * rowBytes, rowBytes), row);
        double largest = 0;
        for (float w : row)
          largest = std::max(largest, std::abs(double{w}));
        for (size_t t = 0; t < static_cast<size_t>(tokens); ++t) {
          double sum = 0, magnitude = 0;
          for (size_t k = 0; k < row.size(); ++k) {
            double value = x.values[t * row.size() + k];
            sum += value * double{row[k]};
            magnitude += std::abs(value);
          }
          sums.back()[t * rows + n] = sum;
          // Two roundings to 11 bits of each factor; a weight's two terms exceed it at most
          // by as much as its row's largest.
          bounds.back()[t * rows + n] = magnitude * largest * 4 / 2048;
        }
      }
    }
  }
};

TEST(GpuMatrices, GroupsOfLinears) {
  const std::vector<Weight> weights{{72, "q4_k"}, {32, "q4_k"}, {130, "q6_k"}};
  constexpr int64_t kColumns = 512, kTokens = 139;
  for (const char *device : {"emu:gfx1100,strict", "emu:gfx1201"})
    for (int64_t most : {64, 300}) {
      SCOPED_TRACE(device + std::to_string(most));
      int64_t tokens = std::min(most, kTokens);
      KernelText kernel(kColumns, weights, KernelText::End::Bias, most, kQ8_A);
      Loaded run(kernel, tokens, device);
      std::vector<std::vector<float>> biases;
      for (size_t l = 0; l < weights.size(); ++l) {
        biases.push_back(randomFloats(static_cast<size_t>(weights[l].rows), 3));
        run.harness.set("v" + std::to_string(l), biases.back());
      }
      run.harness.run({{"T", tokens}});
      for (size_t l = 0; l < weights.size(); ++l) {
        std::vector<float> y = run.harness.output<float>(static_cast<int>(l));
        ASSERT_GE(y.size(), run.sums[l].size());
        for (size_t i = 0; i < run.sums[l].size(); ++i)
          ASSERT_NEAR(y[i], run.sums[l][i] + double{biases[l][i % biases[l].size()]},
                      run.bounds[l][i] + 1e-6)
              << "linear " << l << " element " << i;
      }
    }
}

TEST(GpuMatrices, ProductOfTwoLinearsInBlocks) {
  const std::vector<Weight> weights{{96, "q4_0"}, {96, "q5_k"}};
  constexpr int64_t kColumns = 512, kTokens = 75;
  for (int64_t most : {80, 64}) {
    KernelText kernel(kColumns, weights, KernelText::End::Gate, most);
    const int64_t tokens = std::min(kTokens, most);
    Loaded run(kernel, tokens, "emu:gfx1100");
    run.harness.run({{"T", tokens}});
    std::vector<uint8_t> y = run.harness.output<uint8_t>();
    const size_t rows = 96, rowBytes = kQ8_A.rowBytes(96);
    std::vector<float> values(rows);
    for (size_t t = 0; t < static_cast<size_t>(tokens); ++t) {
      expandRow(kQ8_A, std::span(y).subspan(t * rowBytes, rowBytes), values);
      for (size_t n = 0; n < rows; ++n) {
        size_t i = t * rows + n;
        double a = run.sums[0][i], b = run.sums[1][i];
        double bound = std::abs(a) * run.bounds[1][i] + std::abs(b) * run.bounds[0][i] +
                       run.bounds[0][i] * run.bounds[1][i];
        double step = 0; // of the int8 codes
        for (size_t m = n / 32 * 32; m < n / 32 * 32 + 32; ++m)
          step = std::max(step, std::abs(double{values[m]}) / 127);
        ASSERT_NEAR(values[n], a * b, bound + step) << "token " << t << " row " << n;
      }
    }
  }
}

/// Slots besides matrix instructions for each of them, and accesses of shared memory that wait.
TEST(GpuMatrices, DoLittleElse) {
  constexpr int64_t kColumns = 3584, kTokens = 256;
  for (const char *format : {"q4_k", "q6_k", "q8_0", "q4_0"}) {
    const std::vector<Weight> weights{{256, format}};
    KernelText kernel(kColumns, weights, KernelText::End::Residual);
    Loaded run(kernel, kTokens, "emu:gfx1100");
    run.harness.set("r", std::vector<float>(256 * kTokens));
    emulator::Counting *counting = run.harness.executable().device().counting();
    ASSERT_TRUE(counting);
    counting->keepDispatches(true);
    run.harness.run({{"T", kTokens}});
    const emulator::DispatchCount count = counting->takeDispatches().back();
    using Class = emulator::InstructionClass;
    auto number = [&](Class c) {
      return static_cast<double>(count.counters.instructions[static_cast<size_t>(c)]);
    };
    const double matrices = number(Class::Wmma);
    EXPECT_EQ(matrices, kColumns / 16.0 * (kTokens / 16.0) * (256 / 16.0));
    const double other = (static_cast<double>(count.counters.slots) - 32 * matrices) / matrices;
    const double waits = static_cast<double>(count.counters.ldsConflictClocks) /
                         static_cast<double>(count.counters.ldsClocks);
    EXPECT_LE(other, 8) << format;
    EXPECT_LE(waits, 0.2) << format;
    RecordProperty(std::string(format) + "_slots", std::to_string(other));
  }
}

} // namespace
} // namespace rosso::testing

// The matmul kernels of large models, compiled for GPUs: what they take of one stays within bounds.
// Nothing runs.
#include "codegen/Codegen.h"
#include "codegen/amdgpu/AmdCompiler.h"
#include "ir/Rosso.h"
#include "runtime/amd/Chip.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <cstdlib>
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

  KernelText(int64_t columns, std::vector<Weight> weights, End end, int64_t mostTokens = 512)
      : k_(columns), weights_(std::move(weights)), end_(end), mostTokens_(mostTokens) {}

  std::string text() const {
    std::string x = tokens(k_, "!rosso.quant<q8_a>"), arguments = "%x: " + x + input("x");
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
        body += "    %neg = rosso.neg %y0 : " + y + "\n    %exp = rosso.exp2 %neg : " + y +
                "\n    %silu = rosso.div %y0, %exp : " + y +
                "\n    %m = rosso.mul %silu, %y1 : " + y + "\n    %q = rosso.quantize %m : " + y +
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

} // namespace
} // namespace rosso::testing

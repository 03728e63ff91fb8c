// From graphs to IR: leaves are arguments, everything else is an op of the node's name.
#include "frontend/Compile.h"
#include "frontend/Tensor.h"
#include "ir/quant/Formats.h"

#include <gmock/gmock.h>

#include <map>

namespace rosso {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

/// What the compiler shows of a graph's stages: stage and entry -> text. The last dump of a pass
/// that runs twice stays.
std::map<std::string, std::string> stagesOf(const Graph &graph) {
  std::map<std::string, std::string> stages;
  CompileOptions options{.noCache = true};
  options.dump = [&](std::string_view stage, std::string_view name, std::string_view text) {
    stages[std::string(stage) + (name.empty() ? "" : "/") + std::string(name)] = text;
  };
  auto program = compile(graph, options);
  EXPECT_TRUE(program.ok()) << program.error().message;
  return stages;
}

Graph graphOf(const std::vector<std::pair<std::string, Tensor>> &outputs) {
  return {.vars = {{"T", {1, 8}}}, .entries = {makeEntry("main", outputs)}};
}

TEST(Import, LeavesAreNamedArgumentsAndExtentsStayForms) {
  Tensor w = Tensor::weight("w", {16, 32}, kQ8_0), x = Tensor::input("x", {Dim::variable("T"), 32});
  Tensor s = Tensor::state("s", {8, 16}), two = Tensor::fromData<float>({1, 2}, {2});
  Tensor y = x.linear(w);
  auto stages = stagesOf(graphOf({{"y", y}, {"state:s", s.assign({0, 0}, y)}, {"two", two}}));
  EXPECT_THAT(stages["ir"],
              AllOf(HasSubstr("rosso.vars = {T = [1, 8]}"),
                    HasSubstr(R"(tensor<?x32xf32, #rosso.dims<"T">> {rosso.name = "x", )"
                              R"(rosso.space = "input"})"),
                    HasSubstr(R"(tensor<16x32x!rosso.quant<q8_0>> {rosso.name = "w", )"
                              R"(rosso.space = "weight"})"),
                    HasSubstr(R"({rosso.name = "s", rosso.space = "state"})"),
                    HasSubstr(R"({rosso.name = "buffer:0", rosso.space = "weight"})"),
                    ContainsRegex(R"(rosso\.update .* \["0", "0"\] \{rosso\.node = [0-9]+)")));
}

TEST(Import, EveryPassIsShownWithItsEntry) {
  auto stages = stagesOf(graphOf({{"y", Tensor::input("x", {4}) + 1}}));
  for (const char *stage :
       {"graph", "ir", "rosso-simplify/main", "rosso-fuse-dequant/main",
        "rosso-fuse-attention/main", "rosso-quantize-activations/main", "rosso-fuse/main",
        "rosso-plan-memory", "rosso-schedule/main", "llvm/map_add_4"})
    EXPECT_TRUE(stages.count(stage)) << stage;
  EXPECT_THAT(stages["rosso-fuse/main"],
              AllOf(HasSubstr("rosso.kernel \"map_add_4\" map"), HasSubstr("nodes = array<i64: ")));
}

// The graph's own number, as `print` shows it, survives every pass: --verify finds the value by it.
TEST(Import, KernelsKnowTheNodeTheyCompute) {
  Graph graph = graphOf({{"y", (Tensor::input("x", {4}) * 2).sin()}});
  auto stages = stagesOf(graph);
  int64_t number = numberNodes(graph).at(graph.entries[0].outputs[0].second.get());
  EXPECT_THAT(stages["rosso-schedule/main"],
              HasSubstr("nodes = array<i64: " + std::to_string(number) + ">"));
}

TEST(Import, OneNameIsOneLeaf) {
  auto stages = stagesOf(graphOf({{"y", Tensor::input("x", {4}) + Tensor::input("x", {4})}}));
  EXPECT_THAT(stages["ir"], AllOf(HasSubstr("(%arg0: tensor<4xf32>"), Not(HasSubstr("%arg1"))));
}

TEST(Import, OneNameOfTwoShapesIsAnError) {
  Tensor a = Tensor::input("x", {4}), b = Tensor::input("x", {8});
  auto program = compile(graphOf({{"a", a + 1}, {"b", b + 1}}), {.noCache = true});
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.error().code, ErrorCode::BadInput);
  EXPECT_THAT(program.error().message, HasSubstr("'x'"));
}

} // namespace
} // namespace rosso

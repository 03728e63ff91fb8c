// No weight is ever expanded into a buffer, whatever its format: its readers read blocks.
#include "frontend/Compile.h"
#include "frontend/Tensor.h"
#include "ir/quant/Formats.h"

#include <gmock/gmock.h>

namespace rosso {
namespace {

using testing::HasSubstr;

constexpr int64_t kRows = 2048, kColumns = 1024; // 8 MiB as floats
constexpr uint64_t kExpandedBytes = kRows * kColumns * 4;

Result<Program> compileEntry(const std::vector<std::pair<std::string, Tensor>> &outputs,
                             bool exact = false) {
  Graph graph{.vars = {}, .entries = {makeEntry("main", outputs)}};
  return compile(graph, {.exact = exact, .noCache = true});
}

/// All that a program computes and keeps, without what it was given.
uint64_t bytesMade(const Program &program) {
  uint64_t sum = program.scratchBytes;
  for (const Entry &entry : program.entries)
    for (const BufferSlot &output : entry.outputs)
      sum += output.bytes;
  return sum;
}

class EveryFormat : public testing::TestWithParam<const QuantFormat *> {
protected:
  const QuantFormat &format = *GetParam();
  Tensor weight = Tensor::weight("blk.3.ffn_up.weight", {kRows, kColumns}, format);
};

TEST_P(EveryFormat, StaysPackedInLinearGatherAndTransposedMatmul) {
  Tensor x = Tensor::input("x", {1, kColumns}), ids = Tensor::input("ids", {2}, DType::I32);
  for (bool exact : {false, true}) {
    auto program = compileEntry({{"linear", x.linear(weight)},
                                 {"matmul", (x + 1).matmul(weight.T())},
                                 {"rows", weight.embedding(ids)}},
                                exact);
    ASSERT_TRUE(program.ok()) << program.error().message;
    ASSERT_EQ(program->weights.size(), 1u);
    EXPECT_EQ(program->weights[0].format, format.name);
    EXPECT_EQ(program->weights[0].bytes, kRows * kColumns / format.blockLen * format.blockSize);
    // The results are 2 * 2048 + 2 * 1024 floats, and the activations fewer.
    EXPECT_LE(bytesMade(*program), 64u << 10);
  }
}

TEST_P(EveryFormat, AnyOtherUseIsAnErrorThatNamesTheWeight) {
  if (format.isFloat())
    return; // a tensor like any other
  auto program = compileEntry({{"y", weight + 1}});
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.error().code, ErrorCode::Unsupported);
  EXPECT_THAT(program.error().message,
              HasSubstr("weight 'blk.3.ffn_up.weight' (" + std::string(format.name) +
                        ") would be expanded to f32 in memory (8388608 bytes)"));
}

TEST_P(EveryFormat, IsExpandedWhereTheGraphAsksForIt) {
  if (format.isFloat())
    return;
  auto program = compileEntry({{"y", weight.materialize()}});
  ASSERT_TRUE(program.ok()) << program.error().message;
  EXPECT_GE(bytesMade(*program), kExpandedBytes);
}

INSTANTIATE_TEST_SUITE_P(All, EveryFormat, testing::ValuesIn(kStoredFormats),
                         [](const auto &param) { return std::string(param.param->name); });

} // namespace
} // namespace rosso

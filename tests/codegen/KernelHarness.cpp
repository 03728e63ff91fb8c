#include "tests/codegen/KernelHarness.h"

#include "codegen/Codegen.h"
#include "ir/Rosso.h"
#include "ir/quant/Formats.h"
#include "ir/quant/Tile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <iostream>
#include <random>

namespace rosso::testing {

KernelHarness::KernelHarness(std::string_view text, const std::string &where) {
  mlir::MLIRContext context;
  context.loadDialect<RossoDialect, mlir::func::FuncDialect>();
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>(llvm::StringRef(text.data(), text.size()), &context);
  EXPECT_TRUE(module) << text;
  if (!module)
    std::abort();
  const bool isHost = where.starts_with("host");
  auto device = openDevice({.device = isHost ? "host" : where, .threads = 2});
  if (!device) {
    ADD_FAILURE() << device.error().message;
    std::abort();
  }
  CodegenOptions options;
  options.target = isHost ? where : (*device)->target();
  if (std::getenv("ROSSO_TEST_DUMP"))
    options.dump = [](std::string_view stage, std::string_view name, std::string_view code) {
      std::cerr << "---- " << stage << ' ' << name << '\n' << code << '\n';
    };
  Result<Program> program = generate(*module, options);
  if (!program) {
    ADD_FAILURE() << program.error().message;
    std::abort();
  }
  auto executable = Executable::create(*std::move(program), *std::move(device));
  if (!executable) {
    ADD_FAILURE() << executable.error().message;
    std::abort();
  }
  executable_ = *std::move(executable);
}

void KernelHarness::set(std::string_view name, std::vector<uint8_t> bytes) {
  if (int weight = executable_->findWeight(name); weight >= 0) {
    const WeightSlot &slot = executable_->program().weights[static_cast<size_t>(weight)];
    if (const TileShape *tile = findTileShape(slot.layout)) {
      std::vector<uint8_t> tiles(slot.bytes);
      regroup(*findFormat(slot.format), slot.shape[0], slot.shape[1], *tile, bytes, tiles);
      bytes = std::move(tiles);
    }
    Status status = executable_->uploadWeight(weight, 0, bytes);
    ASSERT_TRUE(status) << status.error().message;
    return;
  }
  if (int state = executable_->findState(name); state >= 0) {
    Status status = executable_->upload(0, {Space::State, static_cast<uint32_t>(state), 0}, bytes);
    ASSERT_TRUE(status) << status.error().message;
    return;
  }
  std::span<uint8_t> target;
  const Entry &entry = executable_->program().entries[0];
  for (size_t i = 0; i < entry.inputs.size(); ++i)
    if (entry.inputs[i].name == name)
      target = executable_->input(0, static_cast<int>(i));
  ASSERT_GE(target.size(), bytes.size()) << name;
  std::copy(bytes.begin(), bytes.end(), target.begin());
}

std::vector<uint8_t> KernelHarness::stateBytes(std::string_view name) {
  auto state = static_cast<uint32_t>(executable_->findState(name));
  std::vector<uint8_t> bytes(executable_->program().states[state].bytes);
  Status status = executable_->download(0, {Space::State, state, 0}, bytes);
  EXPECT_TRUE(status) << status.error().message;
  return bytes;
}

void KernelHarness::run(const VarValues &vars) {
  std::vector<int64_t> values;
  for (const auto &[name, bounds] : executable_->program().vars)
    values.push_back(vars.at(name));
  Status status = executable_->run(0, values);
  ASSERT_TRUE(status) << status.error().message;
}

std::vector<float> randomFloats(size_t count, uint32_t seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(count);
  for (float &value : values)
    value = uniform(engine);
  return values;
}

} // namespace rosso::testing

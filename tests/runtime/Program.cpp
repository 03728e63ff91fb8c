#include "runtime/program/Program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace rosso {
namespace {

using testing::HasSubstr;

const Dim P = Dim::variable("P"), T = Dim::variable("T");

/// Something in every field.
Program sample() {
  Program program;
  program.target = "host:test";
  program.code = {0x7f, 'E', 'L', 'F', 0, 255};
  program.kernels = {{"matvec_q4_k_896x896", "k0", "matvec, 16 rows", 0},
                     {"map_add", "k1", "", 64, 128, 4096}};
  program.vars = {{"P", {0, 1023}}, {"T", {1, 512}}};
  program.weights = {{"blk.0.attn_q.weight", "q4_k", "tile16", {896, 896}, 451584}};
  program.states = {{"k.0", "f16", {2, 1024, 64}, 262144}};
  Launch launch{
      .kernel = 1,
      .buffers = {{Space::Weight, 0, 64}, {Space::State, 0, 0}, {Space::Scratch, 0, 4096}},
      .outputCount = 1,
      .grid = {{T, 1}, {896, 16}},
      .barrierBefore = false,
      .nodes = {-1},
      .bytesMoved = 123456,
      .operations = 7};
  program.entries = {
      {"prefill", {{"tokens", "i32", {T}, 2048}}, {{"logits", "f32", {1, 10}, 40}}, {launch}},
      {"decode", {}, {}, {}}};
  program.entries[0].rooms = {Dim(1024) - P - T};
  program.scratchBytes = 8192;
  return program;
}

TEST(Program, ComesBackFromItsBytes) {
  for (const Program &program : {sample(), Program{}}) {
    auto back = deserialize(serialize(program));
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(*back, program);
    EXPECT_EQ(serialize(*back), serialize(program));
  }
}

TEST(Program, HeaderIsAsDocumented) {
  const auto bytes = serialize(Program{});
  EXPECT_EQ(std::string(bytes.begin(), bytes.begin() + 8), "ROSSOPRG");
  uint64_t size;
  std::memcpy(&size, bytes.data() + 12, 8);
  EXPECT_EQ(size, bytes.size() - 52);
  EXPECT_EQ(size, 8u * 8); // seven empty lists or strings, and the scratch bytes
}

TEST(Program, EveryTruncationIsRefused) {
  const auto bytes = serialize(sample());
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_FALSE(deserialize(std::span(bytes).first(length)).ok()) << length;
}

TEST(Program, EveryFlippedBitIsFound) {
  auto bytes = serialize(sample());
  for (size_t i = 0; i < bytes.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      bytes[i] ^= 1 << bit;
      EXPECT_FALSE(deserialize(bytes).ok()) << "byte " << i << " bit " << bit;
      bytes[i] ^= 1 << bit;
    }
}

TEST(Program, TrailingBytesAreRefused) {
  auto bytes = serialize(sample());
  bytes.push_back(0);
  EXPECT_THAT(deserialize(bytes).error().message, HasSubstr("header says"));
}

TEST(Program, OtherVersionsSayWhatToDo) {
  auto bytes = serialize(sample());
  bytes[8] = 99;
  EXPECT_THAT(deserialize(bytes).error().message, HasSubstr("version 99"));
  EXPECT_THAT(deserialize(bytes).error().message, HasSubstr("compile it again"));
}

TEST(Program, ItemsAreTilesOfTheGrid) {
  Launch launch;
  EXPECT_EQ(itemCount(launch, {}), 1u);
  launch.grid = {{T, 1}, {P + T, 16}};
  EXPECT_EQ(itemCount(launch, {{"P", 0}, {"T", 1}}), 1u);
  EXPECT_EQ(itemCount(launch, {{"P", 15}, {"T", 2}}), 4u); // 17 / 16 rounds up
  launch.grid = {{T - Dim(1), 4}};
  EXPECT_EQ(itemCount(launch, {{"T", 1}}), 0u);
  launch.grid = {{T - Dim(5), 4}};
  EXPECT_EQ(itemCount(launch, {{"T", 1}}), 0u);
}

} // namespace
} // namespace rosso

#include "models/WeightLoader.h"

#include "ir/quant/Formats.h"
#include "ir/quant/Tile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <map>
#include <random>

namespace rosso {
namespace {

using testing::HasSubstr;

/// Tensors of random bytes in memory.
class MemorySource final : public WeightSource {
public:
  void add(const std::string &name, const std::string &format, const std::vector<int64_t> &shape,
           uint64_t bytes) {
    std::mt19937 random(static_cast<unsigned>(tensors_.size()));
    std::vector<uint8_t> data(bytes);
    for (uint8_t &byte : data)
      byte = static_cast<uint8_t>(random());
    tensors_[name] = std::pair(Tensor{format, shape}, std::move(data));
  }
  const std::vector<uint8_t> &bytes(const std::string &name) const {
    return tensors_.at(name).second;
  }
  std::optional<Tensor> find(std::string_view name) const override {
    auto found = tensors_.find(std::string(name));
    if (found == tensors_.end())
      return std::nullopt;
    return found->second.first;
  }
  Status read(std::string_view name, uint64_t begin, std::span<uint8_t> out) const override {
    if (name == failing)
      return badInput("read error");
    const auto &data = tensors_.at(std::string(name)).second;
    if (begin > data.size() || out.size() > data.size() - begin)
      return badInput("read past the end");
    std::copy_n(data.begin() + static_cast<long>(begin), out.size(), out.begin());
    largest = std::max<uint64_t>(largest, out.size());
    return {};
  }

  std::string failing;
  mutable std::atomic<uint64_t> largest = 0;

private:
  std::map<std::string, std::pair<Tensor, std::vector<uint8_t>>> tensors_;
};

// q4_k: 256 weights in 144 bytes; q8_0: 32 in 34. Tiles pad 300 rows to 304.
const WeightSlot kTiled{"tiled", "q4_k", "tile16", {300, 512}, 304 * 2 * 144};
const WeightSlot kRows{"rows", "q8_0", "rows", {7, 64}, 7 * 2 * 34};
const WeightSlot kFloats{"norm", "f32", "rows", {10000}, 40000};
const WeightSlot kTiledFloats{"f16", "f16", "tile16", {33, 5}, 48 * 5 * 2};

void fill(MemorySource &s) {
  s.add("tiled", "q4_k", {300, 512}, 300 * 2 * 144);
  s.add("rows", "q8_0", {7, 64}, 7 * 2 * 34);
  s.add("norm", "f32", {1, 10000}, 40000);
  s.add("f16", "f16", {33, 5}, 33 * 5 * 2);
  s.add("unused", "f32", {1}, 4);
}

std::unique_ptr<Executable> executable(std::vector<WeightSlot> weights) {
  Program program;
  program.target = "host";
  std::ifstream file(ROSSO_TEST_KERNELS, std::ios::binary);
  program.code = {std::istreambuf_iterator<char>(file), {}};
  program.weights = std::move(weights);
  return *Executable::create(std::move(program), {.threads = 1});
}

TEST(WeightLoader, FillsEveryWeightInItsLayout) {
  MemorySource s;
  fill(s);
  for (int threads : {1, 3})
    for (uint64_t staging : {4096u, 10000u, 1u << 20}) {
      auto exe = executable({kTiled, kRows, kFloats, kTiledFloats});
      s.largest = 0;
      auto status = loadWeights(*exe, s, {.threads = threads, .stagingBytes = staging});
      ASSERT_TRUE(status.ok()) << status.error().message;
      EXPECT_TRUE(std::ranges::equal(exe->weight(1), s.bytes("rows")));
      EXPECT_TRUE(std::ranges::equal(exe->weight(2), s.bytes("norm")));
      std::vector<uint8_t> back(s.bytes("tiled").size());
      ungroup(kQ4_K, 300, 512, kTile16, exe->weight(0), back);
      EXPECT_EQ(back, s.bytes("tiled")) << "in pieces of " << staging;
      back.resize(s.bytes("f16").size());
      ungroup(kF16, 33, 5, kTile16, exe->weight(3), back);
      EXPECT_EQ(back, s.bytes("f16"));
      // A band of sixteen rows of q4_k is 4608 bytes, the least that can be staged.
      EXPECT_LE(s.largest, std::max<uint64_t>(staging, 4608));
    }
}

TEST(WeightLoader, TellsItsProgress) {
  MemorySource s;
  fill(s);
  auto exe = executable({kTiled, kFloats});
  uint64_t last = 0, calls = 0;
  auto status = loadWeights(
      *exe, s, {.threads = 2, .stagingBytes = 8192, .progress = [&](uint64_t done, uint64_t total) {
                  EXPECT_GT(done, last);
                  EXPECT_EQ(total, 304u * 2 * 144 + 40000);
                  last = done;
                  ++calls;
                }});
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(last, 304u * 2 * 144 + 40000);
  EXPECT_GT(calls, 10u);
}

TEST(WeightLoader, ErrorsNameTheTensor) {
  MemorySource s;
  fill(s);
  auto failure = [&](WeightSlot slot) {
    auto exe = executable({std::move(slot)});
    auto status = loadWeights(*exe, s);
    return status.ok() ? std::string("no error") : status.error().message;
  };
  EXPECT_EQ(failure({"absent", "f32", "rows", {4}, 16}),
            "tensor absent: not in the file; the program wants f32 [4]");
  EXPECT_THAT(failure({"norm", "f16", "rows", {10000}, 20000}),
              HasSubstr("tensor norm: the file has f32 [1, 10000], the program wants f16 [10000]"));
  EXPECT_THAT(failure({"rows", "q8_0", "rows", {64, 7}, 476}),
              HasSubstr("tensor rows: the file has"));
  EXPECT_THAT(failure({"norm", "f32", "rows", {10000}, 40004}),
              HasSubstr("weight norm: 40004 bytes"));
  EXPECT_THAT(failure({"norm", "f32", "tile32", {10000}, 40000}), HasSubstr("layout 'tile32'"));
  s.failing = "norm";
  EXPECT_EQ(failure(kFloats), "tensor norm: read error");
}

} // namespace
} // namespace rosso

#include "tests/emulator/TestGpu.h"

#include "runtime/amd/CodeObject.h"
#include "tests/emulator/Assembler.h"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace rosso::emulator {

TestGpu::TestGpu(Mode mode, std::string_view chip, unsigned threads, bool traceBuffers,
                 std::string hostCpu)
    : memory(mode == Mode::Strict), chip_(*amd::findChip(chip)) {
  auto created = Engine::create({.chip = &chip_,
                                 .mode = mode,
                                 .threads = threads,
                                 .traceBuffers = traceBuffers,
                                 .translateAfter = 0,
                                 .hostCpu = std::move(hostCpu),
                                 .mostInstructions = 10'000'000},
                                memory);
  EXPECT_TRUE(created.ok()) << (created.ok() ? "" : created.error().message);
  engine = std::move(*created);
}

uint64_t TestGpu::map(std::string_view name, uint64_t bytes, Region region, bool executable) {
  storage_.emplace_back(bytes);
  const uint64_t address = next_;
  next_ += (bytes + 0x1FFF) & ~uint64_t{0xFFF}; // an unmapped page between any two
  memory.add({.address = address,
              .bytes = bytes,
              .data = storage_.back().data(),
              .region = region,
              .executable = executable,
              .purpose = std::string(name)});
  return address;
}

uint64_t TestGpu::allocate(std::string_view name, uint64_t bytes, Region region) {
  return map(name, bytes, region, false);
}

uint64_t TestGpu::assemble(std::string_view text) {
  std::vector<uint8_t> code =
      rosso::emulator::assemble(std::string(text) + "\ns_endpgm\n", chip_.name);
  EXPECT_FALSE(code.empty()) << text;
  code.resize(code.size() + 64);
  const uint64_t address = map("code", code.size(), Region::Vram, true);
  std::copy(code.begin(), code.end(), memory.at(address, code.size()));
  memory.label({.address = address, .bytes = code.size(), .name = "test", .code = true});
  return address;
}

Dispatch TestGpu::kernel(std::string_view name, const std::vector<uint64_t> &arguments) {
  const std::string path =
      std::string(ROSSO_TEST_KERNELS) + "/" + std::string(chip_.name) + ".hsaco";
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> chars{std::istreambuf_iterator<char>(file), {}};
  const std::vector<uint8_t> elf(chars.begin(), chars.end());
  auto object = amd::CodeObject::parse(elf, chip_);
  EXPECT_TRUE(object.ok()) << path << (object.ok() ? "" : object.error().message);
  const amd::KernelCode *found = object.ok() ? object->find(name) : nullptr;
  EXPECT_TRUE(found) << name;
  if (!found)
    return {};
  if (!codeObject_) {
    codeObject_ = map("code", object->imageBytes(), Region::Vram, true);
    const std::vector<uint8_t> image = object->image(codeObject_);
    std::copy(image.begin(), image.end(), memory.at(codeObject_, image.size()));
    memory.wrote(codeObject_, object->imageBytes(), writerId(WriterKind::Copy, 1));
    for (const amd::KernelCode &each : object->kernels())
      memory.label({.address = codeObject_ + each.entry,
                    .bytes = each.bytes,
                    .name = each.name,
                    .code = true});
  }
  const uint64_t kernarg = allocate("kernarg", arguments.size() * 8 + 8, Region::Host);
  std::memcpy(memory.at(kernarg, 1), arguments.data(), arguments.size() * 8);
  Dispatch dispatch;
  dispatch.code = codeObject_ + found->entry;
  dispatch.rsrc1 = found->rsrc1;
  dispatch.rsrc2 = found->rsrc2 | (found->ldsBytes + 511) / 512 << 15;
  dispatch.rsrc3 = found->rsrc3;
  dispatch.wave32 = found->wave32();
  size_t next = 0;
  if (found->properties & amd::KernelCode::kPrivateSegmentBuffer)
    next += 4;
  if (found->properties & amd::KernelCode::kDispatchPtr)
    next += 2;
  if (found->properties & amd::KernelCode::kQueuePtr)
    next += 2;
  dispatch.userData[next] = low(kernarg);
  dispatch.userData[next + 1] = high(kernarg);
  if (found->privateBytes) {
    dispatch.scratchBytesPerWave = (found->privateBytes * 64 + 255) / 256 * 256;
    dispatch.scratchBase = allocate("scratch", dispatch.scratchBytesPerWave);
  }
  return dispatch;
}

Result<Counters> TestGpu::run(Dispatch dispatch) {
  if (!dispatch.serial)
    dispatch.serial = 1;
  return engine->run(dispatch, visibility, stop);
}

Result<Counters> TestGpu::run(std::string_view text, const std::vector<uint32_t> &user,
                              uint32_t threads, uint32_t groups, uint32_t ldsBytes) {
  Dispatch dispatch;
  dispatch.code = assemble(text);
  dispatch.rsrc1 = 0x000F0000u | 31;                                   // denormals kept; 256 VGPRs
  dispatch.rsrc2 = static_cast<uint32_t>(user.size()) << 1 | 1u << 7 | // work group id in x
                   (ldsBytes + 511) / 512 << 15;
  dispatch.groupSize = {threads, 1, 1};
  dispatch.groups = {groups, 1, 1};
  std::copy(user.begin(), user.end(), dispatch.userData.begin());
  return run(dispatch);
}

std::string TestGpu::error(std::string_view text, const std::vector<uint32_t> &user,
                           uint32_t threads, uint32_t groups, uint32_t ldsBytes) {
  auto result = run(text, user, threads, groups, ldsBytes);
  return result.ok() ? "" : result.error().message;
}

} // namespace rosso::emulator

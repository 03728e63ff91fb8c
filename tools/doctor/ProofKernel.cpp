#include "tools/doctor/ProofKernel.h"

#include <array>
#include <bit>
#include <cstring>

namespace rosso::doctor {
namespace {

using amd::Chip;
using amd::Isa;

// The argument segment is at s[0:1]: values, records. The work group's number comes in s15, behind
// fifteen registers of arguments (some gfx11 chips want sixteen registers written in all), from
// gfx12 on in ttmp9. A group is one wave.
// clang-format off
constexpr ProofLine kGfx10[] = {
    {"v_and_b32 v0, 31, v0", {0x3600009f}},
    {"s_load_dwordx4 s[4:7], s[0:1], null", {0xf4080100, 0xfa000000}},
    {"s_memrealtime s[8:9]", {0xf4940200, 0x00000000}},
    {"s_getreg_b32 s10, hwreg(HW_REG_HW_ID1)", {0xb90af817}},
    {"s_getreg_b32 s11, hwreg(HW_REG_SHADER_CYCLES)", {0xb90bf81d}},
    {"v_lshl_or_b32 v1, s15, 5, v0", {0xd76f0001, 0x04010a0f}},
    {"v_mul_lo_u32 v2, 0x9e3779b1, v1", {0xd5690002, 0x000202ff, 0x9e3779b1}},
    {"v_lshrrev_b32 v3, 15, v2", {0x2c06048f}},
    {"v_xor_b32 v2, v2, v3", {0x3a040702}},
    {"v_cvt_f32_u32 v3, v1", {0x7e060d01}},
    {"v_fma_f32 v3, v3, 0.5, 1.0", {0xd54b0003, 0x03c9e103}},
    {"v_lshlrev_b32 v1, 3, v1", {0x34020283}},
    {"s_waitcnt lgkmcnt(0)", {0xbf8cc07f}},
    {"global_store_dwordx2 v1, v[2:3], s[4:5]", {0xdc748000, 0x00040201}},
    {"s_lshl_b32 s12, s15, 5", {0x8f0c850f}},
    {"v_mov_b32 v8, s12", {0x7e10020c}},
    {"v_mov_b32 v4, s10", {0x7e08020a}},
    {"v_mov_b32 v5, s11", {0x7e0a020b}},
    {"v_mov_b32 v6, s8", {0x7e0c0208}},
    {"v_mov_b32 v7, s9", {0x7e0e0209}},
    {"s_mov_b32 exec_lo, 1", {0xbefe0381}},
    {"global_store_dwordx4 v8, v[4:7], s[6:7]", {0xdc788000, 0x00060408}},
    {"s_waitcnt_vscnt null, 0x0", {0xbbfd0000}},
    {"s_memrealtime s[8:9]", {0xf4940200, 0x00000000}},
    {"s_waitcnt lgkmcnt(0)", {0xbf8cc07f}},
    {"v_mov_b32 v6, s8", {0x7e0c0208}},
    {"v_mov_b32 v7, s9", {0x7e0e0209}},
    {"global_store_dwordx2 v8, v[6:7], s[6:7] offset:16", {0xdc748010, 0x00060608}},
    {"s_endpgm", {0xbf810000}},
};

constexpr ProofLine kGfx11[] = {
    {"v_and_b32 v0, 31, v0", {0x3600009f}},
    {"s_load_b128 s[4:7], s[0:1], null", {0xf4080100, 0xf8000000}},
    {"s_sendmsg_rtn_b64 s[8:9], sendmsg(MSG_RTN_GET_REALTIME)", {0xbe884d83}},
    {"s_getreg_b32 s10, hwreg(HW_REG_HW_ID1)", {0xb88af817}},
    {"s_getreg_b32 s11, hwreg(HW_REG_SHADER_CYCLES)", {0xb88bf81d}},
    {"v_lshl_or_b32 v1, s15, 5, v0", {0xd6560001, 0x04010a0f}},
    {"v_mul_lo_u32 v2, 0x9e3779b1, v1", {0xd72c0002, 0x000202ff, 0x9e3779b1}},
    {"v_lshrrev_b32 v3, 15, v2", {0x3206048f}},
    {"v_xor_b32 v2, v2, v3", {0x3a040702}},
    {"v_cvt_f32_u32 v3, v1", {0x7e060d01}},
    {"v_fma_f32 v3, v3, 0.5, 1.0", {0xd6130003, 0x03c9e103}},
    {"v_lshlrev_b32 v1, 3, v1", {0x30020283}},
    {"s_waitcnt lgkmcnt(0)", {0xbf89fc07}},
    {"global_store_b64 v1, v[2:3], s[4:5]", {0xdc6e0000, 0x00040201}},
    {"s_lshl_b32 s12, s15, 5", {0x840c850f}},
    {"v_mov_b32 v8, s12", {0x7e10020c}},
    {"v_mov_b32 v4, s10", {0x7e08020a}},
    {"v_mov_b32 v5, s11", {0x7e0a020b}},
    {"v_mov_b32 v6, s8", {0x7e0c0208}},
    {"v_mov_b32 v7, s9", {0x7e0e0209}},
    {"s_mov_b32 exec_lo, 1", {0xbefe0081}},
    {"global_store_b128 v8, v[4:7], s[6:7]", {0xdc760000, 0x00060408}},
    {"s_waitcnt_vscnt null, 0x0", {0xbc7c0000}},
    {"s_sendmsg_rtn_b64 s[8:9], sendmsg(MSG_RTN_GET_REALTIME)", {0xbe884d83}},
    {"s_waitcnt lgkmcnt(0)", {0xbf89fc07}},
    {"v_mov_b32 v6, s8", {0x7e0c0208}},
    {"v_mov_b32 v7, s9", {0x7e0e0209}},
    {"global_store_b64 v8, v[6:7], s[6:7] offset:16", {0xdc6e0010, 0x00060608}},
    {"s_endpgm", {0xbfb00000}},
};

constexpr ProofLine kGfx12[] = {
    {"v_and_b32 v0, 31, v0", {0x3600009f}},
    {"s_load_b128 s[4:7], s[0:1], 0x0", {0xf4004100, 0xf8000000}},
    {"s_sendmsg_rtn_b64 s[8:9], sendmsg(MSG_RTN_GET_REALTIME)", {0xbe884d83}},
    {"s_getreg_b32 s10, hwreg(HW_REG_HW_ID1)", {0xb88af817}},
    {"s_getreg_b32 s11, hwreg(HW_REG_SHADER_CYCLES_LO)", {0xb88bf81d}},
    {"v_lshl_or_b32 v1, ttmp9, 5, v0", {0xd6560001, 0x04010a75}},
    {"v_mul_lo_u32 v2, 0x9e3779b1, v1", {0xd72c0002, 0x000202ff, 0x9e3779b1}},
    {"v_lshrrev_b32 v3, 15, v2", {0x3206048f}},
    {"v_xor_b32 v2, v2, v3", {0x3a040702}},
    {"v_cvt_f32_u32 v3, v1", {0x7e060d01}},
    {"v_fma_f32 v3, v3, 0.5, 1.0", {0xd6130003, 0x03c9e103}},
    {"v_lshlrev_b32 v1, 3, v1", {0x30020283}},
    {"s_wait_kmcnt 0x0", {0xbfc70000}},
    {"global_store_b64 v1, v[2:3], s[4:5]", {0xee06c004, 0x01000000, 0x00000001}},
    {"s_lshl_b32 s12, ttmp9, 5", {0x840c8575}},
    {"v_mov_b32 v8, s12", {0x7e10020c}},
    {"v_mov_b32 v4, s10", {0x7e08020a}},
    {"v_mov_b32 v5, s11", {0x7e0a020b}},
    {"v_mov_b32 v6, s8", {0x7e0c0208}},
    {"v_mov_b32 v7, s9", {0x7e0e0209}},
    {"s_mov_b32 exec_lo, 1", {0xbefe0081}},
    {"global_store_b128 v8, v[4:7], s[6:7]", {0xee074006, 0x02000000, 0x00000008}},
    {"s_wait_storecnt 0x0", {0xbfc10000}},
    {"s_sendmsg_rtn_b64 s[8:9], sendmsg(MSG_RTN_GET_REALTIME)", {0xbe884d83}},
    {"s_wait_kmcnt 0x0", {0xbfc70000}},
    {"v_mov_b32 v6, s8", {0x7e0c0208}},
    {"v_mov_b32 v7, s9", {0x7e0e0209}},
    {"global_store_b64 v8, v[6:7], s[6:7] offset:16", {0xee06c006, 0x03000000, 0x00001008}},
    {"s_endpgm", {0xbfb00000}},
};

// clang-format on

// ELF and code object, as LLVM's "User Guide for AMDGPU Backend" has them.
struct Header {
  uint8_t ident[16] = {0x7F, 'E', 'L', 'F', 2, 1, 1, /*HSA=*/64, /*code object 5=*/3};
  uint16_t type = 3, machine = 224; // shared object, AMDGPU
  uint32_t version = 1;
  uint64_t entry = 0, programHeaders = 64, sectionHeaders = 0;
  uint32_t flags = 0;
  uint16_t headerBytes = 64, programHeaderBytes = 56, programHeaderCount = 2;
  uint16_t sectionHeaderBytes = 64, sectionCount = 5, namesSection = 3;
};
struct Segment {
  uint32_t type = 1, flags = 0; // loaded; 1 execute, 4 read
  uint64_t offset = 0, address = 0, physical = 0, fileBytes = 0, bytes = 0, align = 0x1000;
};
struct Section {
  uint32_t name = 0, type = 0;
  uint64_t flags = 0, address = 0, offset = 0, bytes = 0;
  uint32_t link = 0, info = 0;
  uint64_t align = 1, entryBytes = 0;
};
struct Symbol {
  uint32_t name = 0;
  uint8_t info = 0, other = 0;
  uint16_t section = 0;
  uint64_t value = 0, bytes = 0;
};
struct Descriptor {
  uint32_t groupBytes = 0, privateBytes = 0, argumentBytes = 24, reserved0 = 0;
  int64_t codeOffset = 0; // from here
  uint8_t reserved1[20] = {};
  uint32_t rsrc3 = 0, rsrc1 = 0, rsrc2 = 0;
  uint16_t properties = 1 << 3 | 1 << 10; // address of the arguments in s[0:1]; waves of 32
  uint16_t preload = 0;
  uint32_t reserved2 = 0;
};
static_assert(sizeof(Header) == 64 && sizeof(Segment) == 56 && sizeof(Section) == 64);
static_assert(sizeof(Symbol) == 24 && sizeof(Descriptor) == 64);

constexpr uint64_t kDescriptorAt = 0x200, kSymbolsAt = 0x240, kNamesAt = 0x2C0, kCodeAt = 0x1000;
constexpr char kNames[] = "\0rosso_proof\0rosso_proof.kd";
constexpr uint32_t kFunctionName = 1, kDescriptorName = 13;

template <typename T> void put(std::vector<uint8_t> &bytes, uint64_t at, const T &value) {
  if (bytes.size() < at + sizeof value)
    bytes.resize(at + sizeof value);
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

} // namespace

std::span<const ProofLine> proofLines(Isa isa) {
  switch (isa) {
  case Isa::Gfx10:
    return kGfx10;
  case Isa::Gfx11:
    return kGfx11;
  case Isa::Gfx12:
    return kGfx12;
  }
  return {};
}

std::vector<uint8_t> proofCode(const Chip &chip) {
  std::vector<uint8_t> elf;
  uint64_t end = kCodeAt;
  for (const ProofLine &line : proofLines(chip.isa))
    for (uint32_t word : line.words)
      if (word != kNoWord)
        put(elf, end, word), end += sizeof word;
  const uint64_t codeBytes = end - kCodeAt;

  // Registers: 16 vectors in units of 8, denormals kept, work groups spread over both halves of a
  // WGP. gfx12 has no modes for clamps and signalling NaNs.
  Descriptor descriptor;
  descriptor.codeOffset = kCodeAt - kDescriptorAt;
  descriptor.rsrc1 = (chip.isa == Isa::Gfx12 ? 0xE00F0000 : 0xE0AF0000) | 1;
  descriptor.rsrc2 = (chip.isa == Isa::Gfx12 ? 2 : 15) << 1 | 1 << 7; // and the group's number
  put(elf, kDescriptorAt, descriptor);
  constexpr uint8_t kGlobalFunction = 0x12, kGlobalObject = 0x11;
  put(elf, kSymbolsAt + sizeof(Symbol),
      Symbol{kFunctionName, kGlobalFunction, 0, 4, kCodeAt, codeBytes});
  put(elf, kSymbolsAt + 2 * sizeof(Symbol),
      Symbol{kDescriptorName, kGlobalObject, 0, 1, kDescriptorAt, sizeof(Descriptor)});
  put(elf, kNamesAt, kNames);

  Header header;
  header.flags = chip.elfMachine;
  header.sectionHeaders = (end + 7) / 8 * 8;
  put(elf, 0, header);
  put(elf, 64,
      Segment{
          .flags = 4, .fileBytes = kNamesAt + sizeof kNames, .bytes = kNamesAt + sizeof kNames});
  put(elf, 64 + sizeof(Segment),
      Segment{.flags = 5,
              .offset = kCodeAt,
              .address = kCodeAt,
              .physical = kCodeAt,
              .fileBytes = codeBytes,
              .bytes = codeBytes});
  constexpr uint32_t kProgbits = 1, kStrings = 3, kDynamicSymbols = 11;
  constexpr uint64_t kAllocated = 2, kExecutable = 4;
  const std::array<Section, 5> sections = {{
      {},
      {.type = kProgbits,
       .flags = kAllocated,
       .address = kDescriptorAt,
       .offset = kDescriptorAt,
       .bytes = sizeof(Descriptor),
       .align = 64},
      {.type = kDynamicSymbols,
       .flags = kAllocated,
       .address = kSymbolsAt,
       .offset = kSymbolsAt,
       .bytes = 3 * sizeof(Symbol),
       .link = 3,
       .info = 1,
       .align = 8,
       .entryBytes = sizeof(Symbol)},
      {.type = kStrings,
       .flags = kAllocated,
       .address = kNamesAt,
       .offset = kNamesAt,
       .bytes = sizeof kNames},
      {.type = kProgbits,
       .flags = kAllocated | kExecutable,
       .address = kCodeAt,
       .offset = kCodeAt,
       .bytes = codeBytes,
       .align = 256},
  }};
  put(elf, header.sectionHeaders, sections);
  return elf;
}

Program proofProgram(const Chip &chip) {
  Program program;
  program.target = "amdgpu:" + std::string(chip.name);
  program.code = proofCode(chip);
  Kernel kernel;
  kernel.name = "proof";
  kernel.symbol = "rosso_proof";
  kernel.threads = kProofThreads;
  program.kernels.push_back(kernel);
  Entry entry;
  entry.name = "main";
  auto output = [&](const char *name, int64_t words) {
    entry.outputs.push_back({name, "u32", {words}, static_cast<uint64_t>(words) * 4});
  };
  output("values", int64_t{kProofGroups} * kProofThreads * 2);
  output("records", int64_t{kProofGroups} * 8);
  Launch launch;
  launch.buffers = {{Space::Output, 0, 0}, {Space::Output, 1, 0}};
  launch.outputCount = 2;
  launch.grid = {{Dim(int64_t{kProofGroups}), 1}};
  launch.nodes = {-1, -1};
  entry.launches.push_back(launch);
  program.entries = {std::move(entry)};
  return program;
}

std::array<uint32_t, 2> proofValue(uint32_t thread) {
  const uint32_t product = thread * 0x9E3779B1u;
  return {product ^ product >> 15,
          std::bit_cast<uint32_t>(static_cast<float>(thread) * 0.5f + 1.0f)};
}

} // namespace rosso::doctor

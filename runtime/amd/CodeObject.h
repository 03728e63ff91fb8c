// AMDHSA code objects: ELF files with the machine code of kernels, and a descriptor for each.
//
// `parse` trusts nothing and keeps what a launch needs; `image` gives the bytes to place at an
// address. Segments keep their distances: descriptors and code refer to each other by offsets.
// Source: LLVM's "User Guide for AMDGPU Backend", sections "Code Object" and "Kernel Descriptor".
#pragma once

#include "runtime/amd/Chip.h"
#include "support/Result.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rosso::amd {

/// What the 64 bytes at `name.kd` say.
struct KernelCode {
  std::string name;
  uint64_t entry = 0;                      // offset of the first instruction in the image
  uint64_t bytes = 0;                      // of code
  uint32_t ldsBytes = 0, privateBytes = 0; // of a work group; of a thread
  uint32_t kernargBytes = 0;
  uint32_t rsrc1 = 0, rsrc2 = 0, rsrc3 = 0;
  uint16_t properties = 0;

  // Bits of `properties`: what the first scalar registers hold, in this order.
  static constexpr uint16_t kPrivateSegmentBuffer = 1 << 0, kDispatchPtr = 1 << 1,
                            kQueuePtr = 1 << 2, kKernargSegmentPtr = 1 << 3, kDispatchId = 1 << 4,
                            kFlatScratchInit = 1 << 5, kPrivateSegmentSize = 1 << 6,
                            kWave32 = 1 << 10, kDynamicStack = 1 << 11;
  bool wave32() const { return properties & kWave32; }
};

class CodeObject {
public:
  /// Errors: BadInput on anything but a linked code object, version 4 to 6, for this chip.
  static Result<CodeObject> parse(std::span<const uint8_t> elf, const Chip &chip);

  const std::vector<KernelCode> &kernels() const { return kernels_; }
  const KernelCode *find(std::string_view kernel) const;

  /// Of the image, with room behind the code for what hardware fetches ahead.
  uint64_t imageBytes() const { return imageBytes_; }
  /// The image as it must lie at `address`, page aligned.
  std::vector<uint8_t> image(uint64_t address) const;

private:
  struct Relocation {
    uint64_t offset = 0, value = 0; // the value counts from the image's address
  };

  std::vector<uint8_t> image_; // unrelocated, without the zeros at its end
  uint64_t imageBytes_ = 0;
  std::vector<Relocation> relocations_;
  std::vector<KernelCode> kernels_; // by name
};

} // namespace rosso::amd

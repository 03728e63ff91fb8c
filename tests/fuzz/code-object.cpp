// Code objects: whatever the bytes, parse ends in a value or an error, and what it accepts can be
// placed anywhere.
#include "runtime/amd/CodeObject.h"

#include <cstddef>

using namespace rosso;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto code = amd::CodeObject::parse({data, size}, *amd::findChip("gfx1100"));
  if (!code)
    return 0;
  const auto image = code->image(uint64_t{0x7f} << 40);
  if (image.size() != code->imageBytes())
    __builtin_trap();
  for (const amd::KernelCode &kernel : code->kernels())
    if (kernel.entry > image.size() || image.size() - kernel.entry < kernel.bytes ||
        code->find(kernel.name) == nullptr)
      __builtin_trap();
  return 0;
}

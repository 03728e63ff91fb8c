// Programs from the cache: whatever the bytes, deserialize and planArena end in a value or an
// error, and a program that was read is written back to the same bytes.
#include "runtime/program/Program.h"
#include "runtime/ArenaPlan.h"
#include "support/Sha256.h"

#include <cstring>

using namespace rosso;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  (void)deserialize({data, size});

  // The checksum would stop nearly every input: give each a header that fits.
  auto bytes = serialize(Program{});
  constexpr size_t kSizeAt = 12, kDigestAt = 20, kPayloadAt = 52;
  bytes.resize(kPayloadAt);
  bytes.insert(bytes.end(), data, data + size);
  const uint64_t payload = size;
  std::memcpy(bytes.data() + kSizeAt, &payload, sizeof(payload));
  const auto digest = Sha256::of({data, size});
  std::memcpy(bytes.data() + kDigestAt, digest.data(), digest.size());

  auto program = deserialize(bytes);
  if (!program)
    return 0;
  if (serialize(*program) != bytes)
    __builtin_trap();
  if (auto plan = planArena(*program)) {
    VarValues values;
    for (const auto &[name, bounds] : program->vars)
      values[name] = bounds.max;
    for (const Entry &entry : program->entries)
      for (const Launch &launch : entry.launches)
        (void)itemCount(launch, values);
    (void)plan->describe();
  }
  return 0;
}

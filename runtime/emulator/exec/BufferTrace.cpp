#include "runtime/emulator/exec/BufferTrace.h"

#include <algorithm>
#include <bit>

namespace rosso::emulator {
namespace {

constexpr uint64_t kSector = 64;

std::unique_ptr<uint64_t[], FreeMemory> makeBits(uint64_t bytes) {
  return std::unique_ptr<uint64_t[], FreeMemory>(
      static_cast<uint64_t *>(std::calloc(bytes / kSector / 64 + 2, 8)));
}

void setBits(uint64_t *words, uint64_t first, uint64_t last) {
  for (uint64_t bit = first; bit <= last; ++bit) {
    const uint64_t mask = uint64_t{1} << bit % 64;
    if (!(__atomic_load_n(words + bit / 64, __ATOMIC_RELAXED) & mask))
      __atomic_fetch_or(words + bit / 64, mask, __ATOMIC_RELAXED);
  }
}

/// Takes the bits of a range away and returns how many bytes they stood for.
uint64_t takeBytes(uint64_t *words, uint64_t first, uint64_t last) {
  uint64_t bytes = 0;
  for (uint64_t bit = first; bit <= last;) {
    if (bit % 64 == 0 && last - bit >= 63) {
      bytes += kSector * static_cast<uint64_t>(std::popcount(words[bit / 64]));
      words[bit / 64] = 0;
      bit += 64;
      continue;
    }
    const uint64_t mask = uint64_t{1} << bit % 64;
    bytes += words[bit / 64] & mask ? kSector : 0;
    words[bit / 64] &= ~mask;
    ++bit;
  }
  return bytes;
}

} // namespace

BufferTrace::Sectors *BufferTrace::sectorsOf(uint64_t address) {
  std::lock_guard lock(mutex_);
  auto after = mappings_.upper_bound(address);
  if (after != mappings_.begin())
    if (Sectors &known = std::prev(after)->second; address - known.address < known.bytes)
      return &known;
  const Mapping *mapping = memory_.find(address, 1);
  if (!mapping)
    return nullptr;
  Sectors &sectors = mappings_[mapping->address];
  sectors.address = mapping->address;
  sectors.bytes = mapping->bytes;
  sectors.purpose = mapping->purpose;
  sectors.read = makeBits(mapping->bytes);
  sectors.written = makeBits(mapping->bytes);
  return &sectors;
}

void BufferTrace::touch(uint64_t address, uint64_t bytes, bool read, bool written) {
  Sectors *sectors = sectorsOf(address);
  if (!sectors)
    return;
  const uint64_t offset = address - sectors->address;
  const uint64_t first = offset / kSector, last = (offset + bytes - 1) / kSector;
  if (read)
    setBits(sectors->read.get(), first, last);
  if (written)
    setBits(sectors->written.get(), first, last);
}

std::vector<std::pair<std::string, std::pair<uint64_t, uint64_t>>> BufferTrace::perBuffer() const {
  std::vector<std::pair<std::string, std::pair<uint64_t, uint64_t>>> result;
  for (const auto &[address, sectors] : mappings_) {
    auto add = [&, &mapping = sectors](const std::string &name, uint64_t begin, uint64_t end) {
      const uint64_t first = begin / kSector, last = (end - 1) / kSector;
      const uint64_t read = takeBytes(mapping.read.get(), first, last);
      const uint64_t written = takeBytes(mapping.written.get(), first, last);
      if (read || written)
        result.push_back({name, {read, written}});
    };
    std::vector<Label> labels = memory_.labelsIn(address, sectors.bytes);
    // The innermost first: what an outer label counts is what its inner ones leave.
    std::sort(labels.begin(), labels.end(), [](const Label &a, const Label &b) {
      return std::pair(a.bytes, a.address) < std::pair(b.bytes, b.address);
    });
    for (const Label &label : labels)
      add(label.name, std::max(label.address, address) - address,
          std::min(label.address + label.bytes - address, sectors.bytes));
    add(sectors.purpose, 0, sectors.bytes);
  }
  std::sort(result.begin(), result.end());
  return result;
}

} // namespace rosso::emulator

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

BufferTrace::Sectors &BufferTrace::sectorsOf(const Mapping &mapping) {
  std::lock_guard lock(mutex_);
  Sectors &sectors = mappings_[mapping.address];
  if (!sectors.read_) {
    sectors.address_ = mapping.address;
    sectors.bytes_ = mapping.bytes;
    sectors.purpose_ = mapping.purpose;
    sectors.read_ = makeBits(mapping.bytes);
    sectors.written_ = makeBits(mapping.bytes);
  }
  return sectors;
}

void BufferTrace::Sectors::touch(uint64_t offset, uint64_t bytes, bool read, bool written) {
  const uint64_t first = offset / kSector, last = (offset + bytes - 1) / kSector;
  if (read)
    setBits(read_.get(), first, last);
  if (written)
    setBits(written_.get(), first, last);
}

std::vector<std::pair<std::string, std::pair<uint64_t, uint64_t>>> BufferTrace::perBuffer() const {
  std::vector<std::pair<std::string, std::pair<uint64_t, uint64_t>>> result;
  for (const auto &[address, sectors] : mappings_) {
    auto add = [&, &mapping = sectors](const std::string &name, uint64_t begin, uint64_t end) {
      const uint64_t first = begin / kSector, last = (end - 1) / kSector;
      const uint64_t read = takeBytes(mapping.read_.get(), first, last);
      const uint64_t written = takeBytes(mapping.written_.get(), first, last);
      if (read || written)
        result.push_back({name, {read, written}});
    };
    std::vector<Label> labels = memory_.labelsIn(address, sectors.bytes_);
    // The innermost first: what an outer label counts is what its inner ones leave.
    std::sort(labels.begin(), labels.end(), [](const Label &a, const Label &b) {
      return std::pair(a.bytes, a.address) < std::pair(b.bytes, b.address);
    });
    for (const Label &label : labels)
      add(label.name, std::max(label.address, address) - address,
          std::min(label.address + label.bytes - address, sectors.bytes_));
    add(sectors.purpose_, 0, sectors.bytes_);
  }
  std::sort(result.begin(), result.end());
  return result;
}

} // namespace rosso::emulator

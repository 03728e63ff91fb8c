#include "runtime/amd/kfd/AddressMap.h"

#include <algorithm>
#include <cstdio>

namespace rosso::amd::kfd {
namespace {

constexpr uint64_t kNear = 1 << 20; // how far behind its end we still think of a range

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

} // namespace

void AddressMap::add(uint64_t address, uint64_t bytes, std::string_view name) {
  ranges_.push_back({address, address + bytes, std::string(name)});
}

void AddressMap::remove(uint64_t address, uint64_t bytes) {
  std::erase_if(ranges_, [&](const Range &range) {
    return range.begin >= address && range.end <= address + bytes;
  });
}

std::string AddressMap::describe(uint64_t address) const {
  std::vector<const Range *> around; // the smallest first
  const Range *before = nullptr;     // the last that ends at or before the address
  for (const Range &range : ranges_) {
    if (range.begin <= address && address < range.end)
      around.push_back(&range);
    else if (range.end <= address && (!before || range.end > before->end))
      before = &range;
  }
  // Of two that are as large, the later one says more.
  std::sort(around.begin(), around.end(), [](const Range *a, const Range *b) {
    const uint64_t sizeA = a->end - a->begin, sizeB = b->end - b->begin;
    return sizeA != sizeB ? sizeA < sizeB : a > b;
  });
  if (!around.empty()) {
    std::string text = hex(address - around[0]->begin) + " bytes into " + around[0]->name;
    for (size_t i = 1; i < around.size(); ++i)
      text += ", in " + around[i]->name;
    return text;
  }
  if (before && address - before->end < kNear)
    return hex(address - before->end) + " bytes behind the end of " + before->name;
  return "in no memory of this program";
}

} // namespace rosso::amd::kfd

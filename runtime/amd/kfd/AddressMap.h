// What lies where in the GPU's address space, for people who read about a fault.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rosso::amd::kfd {

class AddressMap {
public:
  void add(uint64_t address, uint64_t bytes, std::string_view name);
  /// Forgets everything inside a range.
  void remove(uint64_t address, uint64_t bytes);

  /// "0x40 bytes into weight blk.0.attn_q, in arena", "0x10 bytes behind the end of arena", or "in
  /// no memory of this program".
  std::string describe(uint64_t address) const;

private:
  struct Range {
    uint64_t begin = 0, end = 0;
    std::string name;
  };
  std::vector<Range> ranges_;
};

} // namespace rosso::amd::kfd

// Readers of the small text files that the kernel describes devices with.
#pragma once

#include "support/Result.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace rosso::amd::kfd {

/// Decimal, or hexadecimal behind "0x"; white space around it is skipped. Nothing else.
std::optional<uint64_t> parseNumber(std::string_view text);

/// "name value" lines, as KFD's nodes and memory banks have them.
class Properties {
public:
  /// Errors: BadInput, with the line.
  static Result<Properties> parse(std::string_view text);

  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  uint64_t get(std::string_view name, uint64_t otherwise = 0) const;

private:
  std::map<std::string, uint64_t, std::less<>> values_;
};

/// The bytes of a region of a PCI device, from its `resource` file: a line "begin end flags" each.
/// 0 if there is no such region.
uint64_t parseRegionBytes(std::string_view text, unsigned region);

/// "16.0 GT/s PCIe" -> 16; 0 for anything unknown.
double parseLinkSpeed(std::string_view text);

} // namespace rosso::amd::kfd

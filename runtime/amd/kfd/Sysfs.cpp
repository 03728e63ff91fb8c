#include "runtime/amd/kfd/Sysfs.h"

#include <charconv>

namespace rosso::amd::kfd {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

/// Takes the first line off `text`.
std::string_view takeLine(std::string_view &text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

/// Takes the first word off `line`.
std::string_view takeWord(std::string_view &line) {
  line = trimmed(line);
  const std::string_view word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

} // namespace

std::optional<uint64_t> parseNumber(std::string_view text) {
  text = trimmed(text);
  int base = 10;
  if (text.starts_with("0x")) {
    text.remove_prefix(2);
    base = 16;
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

Result<Properties> Properties::parse(std::string_view text) {
  Properties properties;
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = takeLine(text);
    const std::string_view name = takeWord(line);
    if (name.empty())
      continue;
    const auto value = parseNumber(line);
    if (!value)
      return badInput("line " + std::to_string(number) + ": value of '" +
                      std::string(name.substr(0, 64)) + "' is '" +
                      std::string(trimmed(line).substr(0, 64)) + "', wanted a number");
    properties.values_.insert_or_assign(std::string(name), *value);
  }
  return properties;
}

uint64_t Properties::get(std::string_view name, uint64_t otherwise) const {
  const auto found = values_.find(name);
  return found == values_.end() ? otherwise : found->second;
}

uint64_t parseRegionBytes(std::string_view text, unsigned region) {
  for (unsigned skipped = 0; skipped < region && !text.empty(); ++skipped)
    takeLine(text);
  std::string_view line = takeLine(text);
  const auto begin = parseNumber(takeWord(line)), end = parseNumber(takeWord(line));
  if (!begin || !end || *end <= *begin || (*begin == 0 && *end == UINT64_MAX))
    return 0;
  return *end - *begin + 1;
}

double parseLinkSpeed(std::string_view text) {
  double speed = 0;
  text = trimmed(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), speed);
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  return error == std::errc() && unit.starts_with(" GT/s") && speed > 0 && speed < 1e4 ? speed : 0;
}

} // namespace rosso::amd::kfd

#include "runtime/emulator/Emulator.h"

#include <charconv>

namespace rosso::emulator {
namespace {

constexpr uint64_t kLeastVram = uint64_t{1} << 20, kMostVram = uint64_t{1} << 40;
constexpr unsigned kMostThreads = 1024;

std::string names(std::string_view what) {
  std::string list;
  auto add = [&](std::string_view name) {
    if (list.find(name) == std::string::npos)
      list += (list.empty() ? "" : ", ") + std::string(name);
  };
  if (what == "chips")
    for (const amd::Chip &chip : amd::chips())
      add(chip.name);
  else
    for (const Link &link : links())
      add(link.name);
  return list;
}

/// "512M", "2G", or bytes.
std::optional<uint64_t> parseBytes(std::string_view text) {
  unsigned shift = 0;
  if (!text.empty())
    shift = text.back() == 'K' ? 10 : text.back() == 'M' ? 20 : text.back() == 'G' ? 30 : 0;
  if (shift)
    text.remove_suffix(1);
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > kMostVram >> shift)
    return std::nullopt;
  return value << shift;
}

Status readOption(EmulatorOptions &options, std::string_view option) {
  auto wrong = [&](const std::string &wanted) {
    return badInput("'" + std::string(option) + "': " + wanted);
  };
  auto equals = option.find('=');
  std::string_view key = option.substr(0, equals);
  std::string_view value = equals == std::string_view::npos ? "" : option.substr(equals + 1);
  if (option == "fast")
    options.mode = Mode::Fast;
  else if (option == "interpreted")
    options.mode = Mode::Interpreted;
  else if (option == "strict")
    options.mode = Mode::Strict;
  else if (option == "trace")
    options.traceBuffers = true;
  else if (key == "vram") {
    auto bytes = parseBytes(value);
    if (!bytes || *bytes < kLeastVram)
      return wrong("wanted bytes of VRAM between 1M and 1024G, as in vram=2G");
    options.vramBytes = *bytes;
  } else if (key == "link") {
    if (!findLink(value))
      return wrong("wanted one of " + names("links"));
    options.link = value;
  } else if (key == "threads") {
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), options.threads);
    if (error != std::errc() || end != value.data() + value.size() || options.threads == 0 ||
        options.threads > kMostThreads)
      return wrong("wanted 1 to 1024 threads");
  } else
    return wrong("wanted fast, interpreted, strict, trace, vram=, link= or threads=");
  return {};
}

} // namespace

Result<EmulatorOptions> parseEmulatorDevice(std::string_view device) {
  EmulatorOptions options;
  const std::string where = "device '" + std::string(device) + "'";
  if (device != "emu" && !device.starts_with("emu:"))
    return badInput(where + ": wanted emu or emu:CHIP,OPTION,...");
  std::string_view rest = device.size() > 4 ? device.substr(4) : "";
  bool first = true;
  while (!rest.empty()) {
    auto comma = rest.find(',');
    std::string_view part = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
    if (first && amd::findChip(part))
      options.chip = part;
    else if (auto status = readOption(options, part); !status)
      return first && part.find('=') == std::string_view::npos
                 ? badInput(where + ": '" + std::string(part) + "' is neither a chip (" +
                            names("chips") + ", or a board as rx7900xt) nor an option (" +
                            "fast, interpreted, strict, trace, vram=, link=, threads=)")
                 : status.error().in(where);
    first = false;
  }
  return options;
}

} // namespace rosso::emulator

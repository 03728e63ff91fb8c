#include "tools/cli/ModelFlags.h"

#include "ir/quant/Formats.h"

#include <cmath>
#include <cstdio>

namespace rosso::cli {

void ModelFlags::declareContext(Arguments &arguments) {
  arguments.integer("--ctx", "context length (what the model was trained on, at most 4096)",
                    context, 1, 1 << 24);
  arguments.choice("--kv", {"f16", "q8_0"}, "type of the KV cache (f16)", kv);
}

void ModelFlags::declareDevice(Arguments &arguments) {
  arguments.text("--device", "NAME",
                 "host, emu, amd[:N], or reference: the slow truth (" + defaultDevice() + ")",
                 device);
  arguments.integer("--threads", "worker threads (one per physical core)", threads, 1, 1024);
  arguments.flag("--exact", "activations stay f32 instead of int8 blocks", exact);
}

LlmOptions ModelFlags::options() const {
  return {.context = context,
          .kvFormat = kv == "q8_0" ? &kQ8_0 : &kF16,
          .device = device,
          .threads = static_cast<int>(threads),
          .exact = exact};
}

std::string fileName(const std::string &path) {
  const size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string json(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char buffer[8];
      std::snprintf(buffer, sizeof buffer, "\\u%04x", c);
      out += buffer;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string json(double value) {
  if (!std::isfinite(value))
    return "null";
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.6g", value);
  return buffer;
}

} // namespace rosso::cli

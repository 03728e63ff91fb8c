// The flags that all tools share which load or describe a model.
#pragma once

#include "models/Llm.h"
#include "tools/cli/Arguments.h"

#include <string>

namespace rosso::cli {

struct ModelFlags {
  std::string path;
  int64_t context = 0, threads = 0;
  std::string kv = "f16";
  std::string device = defaultDevice();
  bool exact = false;

  void declareModel(Arguments &arguments) {
    arguments.positional("MODEL.gguf", "the model; of a split one the first file", path);
  }
  void declareContext(Arguments &arguments);
  void declareDevice(Arguments &arguments);
  LlmOptions options() const;
};

/// "model.gguf" of "/a/b/model.gguf"
std::string fileName(const std::string &path);

/// A string as JSON.
std::string json(std::string_view text);
/// A number as JSON, with the digits that matter.
std::string json(double value);

} // namespace rosso::cli

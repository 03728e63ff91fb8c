// A decoder of random weights, small enough for loops: as numbers, and as a GGUF file.
#pragma once

#include "support/Result.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace rosso {

struct TinyModel {
  std::string architecture = "llama";
  int64_t layers = 2, width = 32, heads = 4, kvHeads = 2, headWidth = 8, feedForward = 48;
  int64_t vocabulary = 40, context = 64;
  double ropeBase = 10000;
  double normEpsilon = 1e-5;
  bool biases = false, headNorms = false, tied = false;
  double linearScaling = 1;                 // of positions
  std::vector<float> frequencyFactors = {}; // rope_freqs.weight, if not empty

  std::map<std::string, std::vector<float>> tensors = {};
  std::map<std::string, std::vector<int64_t>> extents = {}; // innermost first

  bool hasKeyLength() const { return headWidth * heads != width; }
  /// Fills `tensors`; the same seed gives the same numbers.
  void randomize(unsigned seed);
  /// Writes the file; `change` may add or spoil metadata before.
  void write(const std::string &path, const std::function<void(class GgufWriter &)> &change = {},
             const std::string &withoutKey = "") const;

private:
  void add(const std::string &name, std::vector<int64_t> ne, unsigned seed, float scale,
           float offset = 0);
};

/// A path in the test's temporary folder.
std::string temporaryPath(const std::string &name);

} // namespace rosso

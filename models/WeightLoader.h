// Fills the weights of an executable from wherever tensors come from.
//
// Weights go straight from the source to their place in the arena; those in a tile layout pass
// through a staging buffer of one thread, a band of rows at a time. So loading needs the arena and
// a few megabytes, whatever the size of the model.
#pragma once

#include "runtime/Executable.h"
#include "support/Result.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rosso {

/// Named tensors in row-major order, as a model file holds them.
class WeightSource {
public:
  struct Tensor {
    std::string format; // a QuantFormat's or a DType's name
    std::vector<int64_t> shape;
  };

  virtual ~WeightSource() = default;
  virtual std::optional<Tensor> find(std::string_view name) const = 0;
  /// The bytes of a tensor from `begin` on. Called from several threads at once.
  virtual Status read(std::string_view name, uint64_t begin, std::span<uint8_t> out) const = 0;
};

struct WeightLoadOptions {
  int threads = 0;                           // 0: one per core we may use
  uint64_t stagingBytes = uint64_t{4} << 20; // of each thread
  /// Bytes loaded and to be loaded, in the program's layouts; called by one thread at a time.
  std::function<void(uint64_t done, uint64_t total)> progress = {};
};

/// Errors: BadInput where a tensor is missing or is not what the program was compiled for, naming
/// it; those of the source, in the name of the tensor.
Status loadWeights(Executable &executable, const WeightSource &source,
                   const WeightLoadOptions &options = {});

} // namespace rosso

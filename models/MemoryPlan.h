// How much memory a model will take, from its metadata alone: no weight is read, nothing is
// compiled. Weights and KV cache are exact; activations are bounded from above by the largest step
// of a prefill chunk, whatever the compiler lets share memory.
#pragma once

#include "models/DecoderGraph.h"
#include "models/Engine.h"

namespace rosso {

/// Errors: those of a file that `Llm::load` would refuse.
Result<MemoryFacts> planMemory(const GgufFile &file, const DecoderConfig &config,
                               const GraphOptions &options);

/// The largest context, up to the trained one, whose plan stays within `bytes`; 0 if none does.
Result<int64_t> findMaxContext(const GgufFile &file, const DecoderConfig &config,
                               GraphOptions options, uint64_t bytes);

} // namespace rosso

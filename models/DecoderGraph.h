// The graph of a model with its entries, as it is compiled.
//
//   prefill  input tokens i32 [T] at positions P ..   -> output token i32 [1]
//   decode   state token at position P                -> output token i32 [1]
//   logits   input tokens i32 [T] at positions P ..   -> output logits f32 [T, V]   (by option)
//
// The chosen token also goes to the state "token", where decode finds it: nothing but one number
// travels between host and device per token. Callers keep P + T within the context.
#pragma once

#include "models/Decoder.h"
#include "models/Sampler.h"

namespace rosso {

struct GraphOptions {
  DecoderOptions decoder;
  SamplerOptions sampler = {};
  int64_t chunk = 512;     // the most tokens of one prefill
  bool withLogits = false; // the entry "logits"
};

/// Whether a KV cache of these options can be: BadInput with the option's name if not.
Status checkDecoderOptions(const GgufFile &file, const DecoderConfig &config,
                           const DecoderOptions &options);

Result<Graph> buildDecoderGraph(const GgufFile &file, const DecoderConfig &config,
                                const GraphOptions &options);

} // namespace rosso

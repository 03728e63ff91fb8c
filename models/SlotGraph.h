// The graph of a model that serves several sequences at once, each in a slot of the KV cache.
//
//   prefill   tokens i32 [T] of slot S at positions P ..  -> logits f32 [1, V] of the last
//   decode    token i32 [1] of slot S at position P       -> logits f32 [1, V]
//   draft     tokens i32 [T], T <= kMostDraft             -> logits f32 [T, V]
//   batch<B>  tokens i32 [B], row i of slot S<i> at P<i>  -> logits f32 [B, V]
//   embed     tokens i32 [T] of slot S at positions P ..  -> pooled f32 [1, D]   (by option)
//
// Pooled are the tokens' vectors behind the last norm: their sum, or the first or the last of them.
//
// The host chooses tokens (TokenChoice.h): what may come next differs from request to request.
#pragma once

#include "models/DecoderGraph.h"

namespace rosso {

inline constexpr int64_t kMostDraft = 8;
/// The sizes of batches that are compiled, up to the number of slots.
inline constexpr int64_t kBatches[] = {2, 4, 8};

struct SlotGraphOptions {
  DecoderOptions decoder; // with its slots
  int64_t chunk = 512;
  bool embeds = false; // the entry "embed"
};

/// Errors: those of `buildDecoderGraph`.
Result<Graph> buildSlotGraph(const GgufFile &file, const DecoderConfig &config,
                             const SlotGraphOptions &options);

} // namespace rosso

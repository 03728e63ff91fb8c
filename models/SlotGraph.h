// The graph of a model that serves several sequences at once, each in a slot of the KV cache.
//
//   prefill   tokens i32 [T] of slot S at positions P ..  -> of the last
//   decode    token i32 [1] of slot S at position P       -> of it
//   draft     tokens i32 [T], T <= kMostDraft             -> of each
//   batch<B>  tokens i32 [B], row i of slot S<i> at P<i>  -> of each
//             logits f32 [., V]; "best" f32 and "where" i32 [., K]: the largest of them, in order
//   embed     tokens i32 [T] of slot S at positions P ..  -> pooled f32 [1, D]   (by option)
//
// Pooled are the tokens' vectors behind the last norm: their sum, or the first or the last of them.
//
// The host chooses tokens (TokenChoice.h): what may come next differs from request to request. Most
// requests are content with the K likeliest tokens, and only those are read back for them.
#pragma once

#include "models/DecoderGraph.h"

namespace rosso {

inline constexpr int64_t kMostDraft = 8;
/// K, at most: as many as samplers look at by default, and then some.
inline constexpr int64_t kLikeliest = 64;
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

// What the attention kernels of GPUs share: the numbers of the op, reading caches by lanes, and
// getting results into memory.
#pragma once

#include "codegen/amdgpu/Wave.h"
#include "codegen/templates/Root.h"

namespace rosso {

/// H query heads, G key/value heads, C positions of cache, T tokens.
struct AttentionFacts {
  explicit AttentionFacts(const KernelContext &kernel);

  AttentionOp op;
  int64_t heads, kvHeads, headsPerKv;
  int64_t keyWidth, valueWidth;
  Dim tokens, length;
};

/// What `then` gives where the condition holds, else `otherwise`.
Values choose(Emit &e, Value condition, ValueRange otherwise, const std::function<Values()> &then);

/// Stores elements of an attention's result through whatever the kernel yields of it.
class AttentionStore {
public:
  AttentionStore(Emit &e, KernelContext &kernel, Wave &wave, const AttentionFacts &facts)
      : e_(e), kernel_(kernel), wave_(wave), facts_(facts), elements_(e, kernel) {}

  /// Element `i` of a head's row for `token` is `x`. `head` and `token` are uniform; the lanes of a
  /// wave hold elements 32c .. 32c + 31, and all are here if the row has whole blocks of 32.
  void operator()(Value head, Value token, Value i, Value x);

private:
  Emit &e_;
  KernelContext &kernel_;
  Wave &wave_;
  AttentionFacts facts_;
  ElementEmitter elements_;
};

/// For whatever the op allows.
void emitLaneAttentionRow(Emit &e, KernelContext &kernel);

/// For one token, with matrix instructions. The workspace it needs, in bytes, may be none.
bool fitsAttentionSplit(const KernelContext &kernel, AttentionFacts facts);
int64_t attentionSplitWorkspace(const KernelContext &kernel, const AttentionFacts &facts);
void emitLaneAttentionSplit(Emit &e, KernelContext &kernel);

/// For many tokens, with matrix instructions.
bool fitsAttentionTile(const KernelContext &kernel, AttentionFacts facts);
void emitLaneAttentionTile(Emit &e, KernelContext &kernel);

} // namespace rosso

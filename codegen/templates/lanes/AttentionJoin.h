// How the parts of one token's attention come together: those of a work group's waves in shared
// memory, those of the work groups in the workspace.
#pragma once

#include "codegen/templates/lanes/Attention.h"

namespace rosso {

// Of the kernel in AttentionSplit.cpp.
inline constexpr int64_t kSplitWaves = 8, kSplitSlots = kSplitWaves / 2;
inline constexpr int64_t kSplitHeads = 8;                  // of a work group
inline constexpr int64_t kSplitStretch = kSplitWaves * 16; // positions of a work group at a time
/// Instead of minus infinity, which has no difference from itself.
inline constexpr double kLowestScore = -1e30;

/// The workspace is i32 [kv head][head tile], how many have arrived, in whole lines of 64 bytes;
/// then f32 [kv head][head tile][split] of records [head][d], then [head] {largest score, sum of
/// weights}.
struct SplitPlan {
  int64_t headTiles;  // of a key/value head
  int64_t tileHeads;  // at most, of a tile
  int64_t splits;     // of the longest context
  int64_t recordHead; // floats of a record before its scores
  int64_t record;     // floats
  int64_t counterBytes, bytes;
};

SplitPlan planSplits(const KernelContext &kernel, const AttentionFacts &facts);

class AttentionJoin {
public:
  AttentionJoin(Emit &e, KernelContext &kernel, Wave &wave, const AttentionFacts &facts,
                const SplitPlan &plan);

  /// What this work group has a share of: `active` work groups together.
  void setTile(Value number, Value firstHead, Value headCount, Value active);
  /// A wave's part: of the head in column lane % 16 the largest score, this lane's sum of weights,
  /// and matrices D of sums of values; lanes of columns h and h + 8 have a share of head h.
  void keep(const Values &done);
  /// After a barrier: the result, where this work group alone is active; else its record, and the
  /// result if it is the last to arrive.
  void storeAlone();
  void storeShare(Value split);

private:
  struct Waves {
    Value most, total;
    Values factors;
  };
  Waves joinWaves(Value head);
  Value joinedSum(const Waves &waves, Value head, Value i);
  void eachElement(const std::function<void(Value head, Value i)> &body);
  Value recordAt(Value split);
  void storeRecord(Value split);
  void joinRecords();
  Value number(double x) { return e.constantFloat(e.f32(), x); }
  Value larger(Value a, Value b) { return mlir::arith::MaxNumFOp::create(e.b, e.loc, a, b); }
  Value exp2(Value x) { return e.intrinsic(e.f32(), "llvm.amdgcn.exp2", {x}); }

  Emit &e;
  KernelContext &kernel;
  Wave &wave;
  AttentionFacts facts;
  SplitPlan plan;
  MatrixLanes lanes;
  AttentionStore result;
  int64_t sumPitch;   // floats
  Value sums, scores; // shared memory
  Value column, half; // lane = 16 * half + column
  Value tile, firstHead, headCount, active;
};

} // namespace rosso

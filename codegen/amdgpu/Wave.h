// The vocabulary of GPU kernels beyond `Emit`: who a lane is, what a wave of 32 lanes and a work
// group can do together. Index values are i32.
#pragma once

#include "codegen/Kernel.h"

namespace rosso {

inline constexpr int64_t kWaveLanes = 32;

class Wave {
public:
  /// Fixes the kernel's work group at `threads` (a multiple of 32, at most 1024).
  Wave(Emit &e, KernelContext &kernel, int64_t threads);

  int64_t threads() const { return threads_; }
  int64_t waves() const { return threads_ / kWaveLanes; }

  Value thread() const { return thread_; } // in the work group
  Value lane() const { return lane_; }     // in the wave
  Value number() const { return number_; } // of the wave in the work group; uniform
  Value group() const { return group_; }   // of the work group in the grid; uniform

  /// A value that all lanes agree on, so that it lives in scalar registers. i32 or f32.
  Value uniform(Value v);
  /// `bytes` of shared memory, 16-byte aligned. Contents are undefined at the start.
  Value shared(int64_t bytes);
  /// Waits for all waves of the work group; what they wrote to shared memory is visible.
  void barrier();
  /// What the lanes of this wave wrote to shared memory is visible to its other lanes.
  void settle();

  /// What this thread has written, and what it knew of by a barrier, is visible to those who
  /// acquire after it, in other work groups too: with an atomic between the two.
  void release();
  void acquire();

  /// Adds to an i32 that other lanes of the work group (in shared memory) or of the launch (in
  /// global memory) add to as well; what it was before. Orders nothing else.
  Value addAtomic(Value pointer, Value amount);

  using Combine = std::function<Value(Value, Value)>;
  /// The combination of all lanes' values (any 16-, 32- or 64-bit type), in every lane. All 32
  /// lanes must be here.
  Value reduce(Value v, const Combine &combine);
  /// The same over the work group; all threads must be here. Has a barrier inside.
  Value reduceGroup(Value v, const Combine &combine);

  /// `v` of the lane whose number differs from ours in `bits` (1 to 31). 32-bit values.
  Value exchange(Value v, int64_t bits);
  /// `v` (32 bits) of lane `from`, by way of shared memory's crossbar.
  Value shuffle(Value v, Value from);

private:
  Value exchangeAny(Value v, int64_t bits);

  Emit &e_;
  KernelContext &kernel_;
  int64_t threads_;
  Value thread_, lane_, number_, group_;
};

/// Loads through the scalar cache what all lanes read at the same place and nothing in this launch
/// writes: `pointer` as a pointer to constant memory.
Value constantMemory(Emit &e, Value pointer);

} // namespace rosso

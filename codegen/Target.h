// What a chip adds to the templates: how it multiplies bytes, looks up tables, and how wide it is.
#pragma once

#include "codegen/Emit.h"

#include <cstdint>
#include <span>

namespace rosso {

/// How the lanes of a wave hold the matrices of its instruction D = A B + C, all 16 x 16, A and B
/// of f16, C and D of f32. Lane l has halves of row l % 16 of A and of column l % 16 of B, both
/// from the same k on, and of D column l % 16: register r is row r * rowStep + l / 16 * upperRow.
struct MatrixLanes {
  int64_t halves = 0; // of A or of B in a lane; 0: there is no such instruction
  int64_t upperK = 0; // the first k of lanes 16 to 31
  int64_t rowStep = 0, upperRow = 0;
};

/// The vectors that a core of a CPU computes with.
struct VectorUnit {
  int64_t bytes = 16;
  int64_t registers = 16;
};

class Target {
public:
  virtual ~Target() = default;

  virtual VectorUnit vectors() const { return {}; }
  /// How many threads a kernel is likely to have on a CPU; 0: who knows.
  virtual int64_t threads() const { return 0; }

  /// Whether kernels are written for the lanes of waves (templates/lanes) instead of for loops over
  /// work items with vectors inside.
  virtual bool isGpu() const { return false; }
  /// On a GPU: how many waves of a kernel with this many registers a SIMD holds.
  virtual uint32_t wavesPerSimd(uint32_t) const { return 0; }
  virtual uint32_t computeUnits() const { return 0; }

  /// acc + the dot product of the four unsigned bytes of `left` with the four signed bytes of
  /// `right`, in each lane; all three are i32, on the host vector<16xi32>. Exact.
  virtual Value dotBytes(Emit &e, Value acc, Value left, Value right) const = 0;

  /// table[byte] + bias in every byte of `codes` (as above, every byte below 16).
  virtual Value lookupBytes(Emit &e, Value codes, std::span<const int8_t> table,
                            int bias) const = 0;

  /// GPUs: the matrix instruction of a wave, if the chip has one. `a` and `b` are vectors of
  /// halves, `c` is vector<8xf32>.
  virtual MatrixLanes matrixLanes() const { return {}; }
  virtual Value multiplyMatrices(Emit &, Value, Value, Value) const { return {}; }

  /// GPUs: waits for all loads from global memory. For where the compiler would wait for one after
  /// the other, though all have long been under way.
  virtual void waitForLoads(Emit &) const {}

  /// Brings the memory at `pointer` nearer, if the chip does not see to that itself. Any address.
  virtual void prefetch(Emit &, Value) const {}
};

} // namespace rosso

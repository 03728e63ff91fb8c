// What a chip adds to the templates: how it multiplies bytes, looks up tables, and how wide it is.
#pragma once

#include "codegen/Emit.h"

#include <cstdint>
#include <span>

namespace rosso {

class Target {
public:
  virtual ~Target() = default;

  /// Whether kernels are written for the lanes of waves (templates/lanes) instead of for loops over
  /// work items with vectors inside.
  virtual bool isGpu() const { return false; }

  /// acc + the dot product of the four unsigned bytes of `left` with the four signed bytes of
  /// `right`, in each lane; all three are i32, on the host vector<16xi32>. Exact.
  virtual Value dotBytes(Emit &e, Value acc, Value left, Value right) const = 0;

  /// table[byte] + bias in every byte of `codes` (as above, every byte below 16).
  virtual Value lookupBytes(Emit &e, Value codes, std::span<const int8_t> table,
                            int bias) const = 0;

  /// Brings the memory at `pointer` nearer, if the chip does not see to that itself. Any address.
  virtual void prefetch(Emit &, Value) const {}
};

} // namespace rosso

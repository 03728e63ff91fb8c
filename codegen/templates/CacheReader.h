// Rows of a key or value cache [G, C, d] as f32 vectors, whatever they are stored as.
#pragma once

#include "codegen/Kernel.h"

namespace rosso {

/// Where head 0 of an attention's keys or values lies, in a cache of `rowBytes` a row: behind the
/// heads of other sequences, if the op says so.
Value firstHeadOf(Emit &e, const KernelContext &kernel, Value tensor, int64_t rowBytes);

class CacheReader {
public:
  /// Vectors of `lanes` elements, a divisor of d.
  CacheReader(Emit &e, const KernelContext &kernel, Value tensor, int64_t lanes);

  /// Address of row `position` of key/value head `head`, and where it lies, in bytes.
  Value row(Value head, Value position) const;
  Value rowOffset(Value head, Value position) const;
  /// Elements [lanes*j, lanes*(j+1)) of a row.
  Value vector(Value row, int64_t j) const;
  /// Element `i` (an index) of a row.
  Value element(Value row, Value i) const;

  int64_t rowBytes() const { return rowBytes_; }
  /// What row offsets count from.
  Value base() const { return pointer_; }

private:
  Emit &e_;
  Type type_;
  const QuantFormat *format_;
  Value pointer_, context_;
  int64_t width_, lanes_, rowBytes_;
};

} // namespace rosso

// What a reduction starts from and how it joins two values.
#pragma once

#include "codegen/Emit.h"

#include <functional>

namespace rosso {

struct Combiner {
  Value start; // leaves any other value as it is
  std::function<Value(Value, Value)> combine;
};

/// Of a reduction; argmax combines as max does.
Combiner combinerOf(Emit &e, mlir::Operation *op);

} // namespace rosso

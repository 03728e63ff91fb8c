// Elements as integers that sort.
#pragma once

#include "codegen/Emit.h"

namespace rosso {

/// i64 for elements of 64 bits, else i32.
Type sortKeyType(Emit &e, Type element);

/// An integer of that type whose unsigned order is the descending order of the elements; a NaN
/// comes before any number. `x` is in the register type of `element`.
Value descendingKey(Emit &e, Value x, Type element);

} // namespace rosso

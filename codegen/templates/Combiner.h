// What a reduction or a scan starts from and how it joins two values.
#pragma once

#include "codegen/Emit.h"

#include <functional>
#include <optional>

namespace rosso {

enum class Joining { Sum, Prod, Max, Min };

struct Combiner {
  Value start; // leaves any other value as it is
  std::function<Value(Value, Value)> combine;
};

/// How a reduction or a scan joins; argmax joins as max does.
Joining joiningOf(mlir::Operation *op);
/// By its name in `combine` of a scatter; nothing for "set".
std::optional<Joining> joiningNamed(llvm::StringRef name);

/// For elements of a tensor's type `element`, in its register type.
Combiner combinerOf(Emit &e, Joining joining, Type element);
/// Of a reduction.
Combiner combinerOf(Emit &e, mlir::Operation *op);

} // namespace rosso

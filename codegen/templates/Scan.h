// What a scan kernel computes, for both targets.
#pragma once

#include "codegen/ElementEmitter.h"

namespace rosso {

struct ScanForm {
  mlir::Operation *op = nullptr; // cumsum or one of its kind
  Value source;
  Shape shape;
  Type element;
  size_t axis = 0;
};

ScanForm scanFormOf(KernelOp kernel);

} // namespace rosso

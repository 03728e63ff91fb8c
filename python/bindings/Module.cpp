// The module rosso._rosso: the C++ tensor as Python sees it below the package.
#include "python/bindings/Bindings.h"

PYBIND11_MODULE(_rosso, m) {
  using namespace rosso::python;
  bindErrors(m);
  bindDims(m);
  TensorClass tensor(m, "Tensor");
  bindCore(tensor, m);
  bindMemory(tensor, m);
  bindCapture(m);
  bindMovement(tensor, m);
  bindMath(tensor, m);
  bindNn(tensor, m);
  bindDecoderOps(tensor);
  bindLlm(m);
}

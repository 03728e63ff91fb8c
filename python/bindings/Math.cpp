// Methods of the bound tensor: elementwise maths, reductions, contractions.
#include "python/bindings/Bindings.h"

namespace rosso::python {

void bindMath(TensorClass &, py::module_ &) {}

} // namespace rosso::python

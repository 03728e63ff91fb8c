// Methods of the bound tensor: creation, movement, indexing, random numbers.
#include "python/bindings/Bindings.h"

namespace rosso::python {

void bindMovement(TensorClass &, py::module_ &) {}

} // namespace rosso::python

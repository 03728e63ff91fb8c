// Methods of the bound tensor: convolutions, pooling, losses, networks.
#include "python/bindings/Bindings.h"

namespace rosso::python {

void bindNn(TensorClass &, py::module_ &) {}

} // namespace rosso::python

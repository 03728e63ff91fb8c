// What decoders are made of, beyond tinygrad's names.
#include "python/bindings/Bindings.h"

namespace rosso::python {

void bindDecoderOps(TensorClass &c) {
  c.def("embedding", &Tensor::embedding)
      .def("causal_attention", &Tensor::causalAttention)
      .def("rope", [](const Tensor &x, const Tensor &cosines, const Tensor &sines, bool neox) {
        return x.rope(cosines, sines, neox ? RopeStyle::Neox : RopeStyle::Interleaved);
      });
}

} // namespace rosso::python

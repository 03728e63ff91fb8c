// attention on a GPU.
#include "codegen/templates/Templates.h"

namespace rosso {

void emitLaneAttention(Emit &, KernelContext &kernel) {
  kernel.problem = "attention is not written for GPUs";
}

} // namespace rosso

// topk on a GPU.
#include "codegen/templates/Templates.h"

namespace rosso {

void emitLaneTopK(Emit &, KernelContext &kernel) {
  kernel.problem = "topk is not written for GPUs";
}

} // namespace rosso

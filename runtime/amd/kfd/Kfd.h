// Opens a GPU through Linux's KFD.
#pragma once

#include "runtime/amd/Transport.h"

#include <memory>

namespace rosso::amd {

/// The N-th GPU in the order of KFD's topology. Errors say what is missing: the driver, permission,
/// the GPU, a newer kernel.
Result<std::unique_ptr<Transport>> openKfd(unsigned index);

} // namespace rosso::amd

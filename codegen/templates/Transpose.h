#pragma once

#include "codegen/Emit.h"

namespace rosso {

/// Element l of row i becomes element i of row l: as many rows as lanes, a power of two.
void transpose(Emit &e, Values &rows);

} // namespace rosso

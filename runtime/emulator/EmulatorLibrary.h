// Opens the emulated GPU: loads the library it lives in by path, as the compiler's is.
#pragma once

#include "runtime/emulator/Emulator.h"

namespace rosso::emulator {

/// Looks at $ROSSO_EMULATOR alone if it is set, else in ../lib of the executable and of the module
/// this code is in. Errors: Internal, with where it looked; and those of the emulator.
Result<std::unique_ptr<amd::Transport>> openEmulator(const EmulatorOptions &options);

} // namespace rosso::emulator

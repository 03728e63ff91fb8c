// Opens the emulated GPU: loads the library it lives in by path, as the compiler's is.
#pragma once

#include "runtime/emulator/Emulator.h"

namespace rosso::emulator {

/// Errors: those of LibraryFile, which finds it, and of the emulator.
Result<std::unique_ptr<amd::Transport>> openEmulator(const EmulatorOptions &options);

} // namespace rosso::emulator

// Compares what a dispatch was started with with the kernel descriptor that lies beside its code.
#pragma once

#include "runtime/emulator/Engine.h"
#include "runtime/emulator/Memory.h"
#include "support/Result.h"

namespace rosso::emulator {

/// Looks through the mapping of the code for the descriptor whose entry is `dispatch.code`. Without
/// one, as with code written by hand, there is nothing to compare. Errors: registers that differ
/// from the descriptor, too little LDS or private memory, arguments that are not mapped.
/// Source: LLVM, "User Guide for AMDGPU Backend", kernel descriptor.
Status checkDescriptor(const Memory &memory, const Mapping &mapping, const Dispatch &dispatch);

} // namespace rosso::emulator

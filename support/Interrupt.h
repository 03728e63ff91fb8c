// Lets long work end when the user asks for it: Ctrl-C in a Python session.
//
// The embedder sets one check for the process. Code that may take long asks `isInterrupted` between
// pieces of work, on the thread that was called; what the check says counts for that work alone.
// A library with a copy of this file has a check of its own.
#pragma once

#include "support/Result.h"

namespace rosso {

/// Whether the work at hand shall end. Called on any thread, at most every kInterruptMs.
using InterruptCheck = bool (*)();
inline constexpr int kInterruptMs = 50;

/// Null: nobody asks. Returns the check before.
InterruptCheck setInterruptCheck(InterruptCheck check);
InterruptCheck interruptCheck();

/// Asks, unless this thread did so a moment ago. Costs a look at the clock, or less.
bool isInterrupted();

/// What work returns that was told to end.
Error interruptedError();
/// Returns it if the work at hand shall end.
inline Status checkInterrupt() { return isInterrupted() ? Status(interruptedError()) : Status(); }

} // namespace rosso

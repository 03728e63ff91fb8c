// Ctrl-C: the first asks to stop after the current token, the second ends the process.
#pragma once

namespace rosso::cli {

void catchInterrupts();
bool interrupted();

} // namespace rosso::cli

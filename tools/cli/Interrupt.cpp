#include "tools/cli/Interrupt.h"

#include <csignal>

namespace rosso::cli {

namespace {
volatile std::sig_atomic_t pending = 0; // written by the signal handler
}

void catchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = [](int) { pending = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND); // the default again for the second
  sigaction(SIGINT, &action, nullptr);
}

bool interrupted() { return pending != 0; }

} // namespace rosso::cli

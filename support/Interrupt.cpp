#include "support/Interrupt.h"

#include <atomic>
#include <chrono>

namespace rosso {
namespace {

std::atomic<InterruptCheck> currentCheck = nullptr;

} // namespace

InterruptCheck setInterruptCheck(InterruptCheck check) { return currentCheck.exchange(check); }

InterruptCheck interruptCheck() { return currentCheck.load(std::memory_order_relaxed); }

bool isInterrupted() {
  const InterruptCheck check = interruptCheck();
  if (!check)
    return false;
  thread_local std::chrono::steady_clock::time_point asked;
  const auto now = std::chrono::steady_clock::now();
  if (now - asked < std::chrono::milliseconds(kInterruptMs))
    return false;
  asked = now;
  return check();
}

Error interruptedError() { return {ErrorCode::Internal, "interrupted"}; }

} // namespace rosso

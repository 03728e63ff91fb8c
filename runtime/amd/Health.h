// Every wait for the GPU goes through here, and the first thing that goes wrong stays: from then on
// the device answers with the same error until it is opened again.
//
// A wait ends when it got what it waits for, when the transport reports a fault, or when nothing
// has moved for as long as we have patience. Long launches are legal, so "moved" is whatever can be
// seen: read pointers, signals, progress marks, of all queues, since they wait for each other.
#pragma once

#include "runtime/amd/Transport.h"
#include "support/Result.h"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace rosso::amd {

/// A part of the GPU that can be seen to get on.
class Moving {
public:
  /// Any number that changes when it does.
  virtual uint64_t moved() const = 0;

protected:
  ~Moving() = default;
};

class Health {
public:
  Health(Transport &transport, std::string device, std::chrono::milliseconds patience)
      : transport_(transport), device_(std::move(device)), patience_(patience) {}

  /// Adds to an error what the GPU was doing: "entry decode: launch 212 of 371, ...".
  void explainWith(std::function<std::string()> explain) { explain_ = std::move(explain); }

  void watch(const Moving &part) { parts_.push_back(&part); }
  void forget(const Moving &part) { std::erase(parts_, &part); }

  /// The error of a failed device. Asks the transport for news of a fault.
  Status check();
  bool failed() const { return error_.has_value(); }

  /// Waits until `done()`. `stuck()` says what was waited for: "compute queue: signal at 40, waited
  /// for 41".
  template <typename Done, typename Stuck> Status wait(const Done &done, const Stuck &stuck) {
    if (error_)
      return *error_;
    const auto begin = Clock::now();
    do {
      for (int i = 0; i < 64; ++i)
        if (done())
          return {};
    } while (Clock::now() - begin < kSpin);

    uint64_t last = moved();
    for (auto lastMove = begin;;) {
      transport_.waitForEvent(kNap);
      if (done())
        return {};
      ROSSO_CHECK(check());
      const auto now = Clock::now();
      if (const uint64_t current = moved(); current != last) {
        last = current;
        lastMove = now;
      } else if (now - lastMove > patience_) {
        return fail(ErrorCode::Timeout,
                    stuck() + ", no progress for " + std::to_string(patience_.count()) + " ms");
      }
    }
  }

private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kSpin{200}; // before the thread sleeps
  static constexpr std::chrono::milliseconds kNap{1};

  uint64_t moved() const;
  Error fail(ErrorCode code, const std::string &what);

  Transport &transport_;
  std::string device_;
  std::chrono::milliseconds patience_;
  std::function<std::string()> explain_;
  std::vector<const Moving *> parts_;
  std::optional<Error> error_;
};

} // namespace rosso::amd

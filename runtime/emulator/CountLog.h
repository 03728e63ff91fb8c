// What the emulated GPU has counted so far.
#pragma once

#include "runtime/emulator/Emulator.h"

#include <mutex>
#include <utility>
#include <vector>

namespace rosso::emulator {

class CountLog {
public:
  /// Changes totals under the lock: `log.count([&](Totals &t) { ++t.packets; })`.
  template <typename Change> void count(Change change) {
    std::lock_guard lock(mutex_);
    change(totals_);
  }
  Totals totals() const {
    std::lock_guard lock(mutex_);
    return totals_;
  }
  void add(DispatchCount dispatch) {
    std::lock_guard lock(mutex_);
    ++totals_.dispatches;
    totals_.linkBytesToGpu += dispatch.counters.hostLoadBytes;
    totals_.linkBytesToHost += dispatch.counters.hostStoreBytes;
    if (keep_)
      dispatches_.push_back(std::move(dispatch));
  }
  void keep(bool keep) {
    std::lock_guard lock(mutex_);
    keep_ = keep;
  }
  std::vector<DispatchCount> take() {
    std::lock_guard lock(mutex_);
    return std::exchange(dispatches_, {});
  }

private:
  mutable std::mutex mutex_;
  Totals totals_;
  bool keep_ = false;
  std::vector<DispatchCount> dispatches_;
};

} // namespace rosso::emulator

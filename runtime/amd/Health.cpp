#include "runtime/amd/Health.h"

namespace rosso::amd {

uint64_t Health::moved() const {
  uint64_t sum = transport_.heartbeat();
  for (const Moving *part : parts_)
    sum += part->moved();
  return sum;
}

Error Health::fail(ErrorCode code, const std::string &what) {
  const std::string explained = explain_ ? explain_() : "";
  error_ = Error{code, device_ + ": " + what + (explained.empty() ? "" : "; " + explained) +
                           "; the device must be opened again"};
  return *error_;
}

Status Health::check() {
  if (error_)
    return *error_;
  if (auto fault = transport_.fault())
    return fail(ErrorCode::DeviceLost, fault->message);
  return {};
}

} // namespace rosso::amd

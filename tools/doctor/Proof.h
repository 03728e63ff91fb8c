// Runs kernels on a device and checks what they did.
#pragma once

#include "support/Result.h"
#include "tools/doctor/ProofKernel.h"
#include "tools/doctor/Report.h"

#include <span>
#include <string>

namespace rosso::doctor {

/// `device` as --device takes it. Two kernels on a GPU, one in machine code of the doctor's own and
/// one from the compiler; the latter alone on the host. The section holds what was shown before an
/// error, if there is one.
Status prove(const std::string &device, Section &section);

/// What waves told of where and when they ran: "4096 waves on 6 shader engines and 48 WGPs", and
/// the time from the first begin to the last end in ticks.
struct Census {
  size_t waves = 0, engines = 0, wgps = 0, simds = 0;
  uint64_t first = 0, last = 0; // of the GPU's clock
  /// Errors: a wave that told nothing, or ended before it began.
  static Result<Census> of(std::span<const ProofRecord> records);
};

/// Errors: Internal, with the first thread whose numbers are wrong.
Status checkValues(std::span<const uint32_t> values);

} // namespace rosso::doctor

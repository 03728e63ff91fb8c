#include "runtime/amd/kfd/Kfd.h"

#include "runtime/amd/kfd/KfdTransport.h"

namespace rosso::amd {

Result<std::unique_ptr<Transport>> openKfd(unsigned index) {
  // The kernel's own state is one to a process, and so is this.
  static kfd::Process process(kfd::linuxKernel());
  ROSSO_TRY(auto transport, kfd::KfdTransport::create(process, index));
  return std::unique_ptr<Transport>(std::move(transport));
}

} // namespace rosso::amd

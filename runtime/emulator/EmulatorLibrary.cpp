#include "runtime/emulator/EmulatorLibrary.h"

#include "support/LibraryFile.h"

namespace rosso::emulator {

Result<std::unique_ptr<amd::Transport>> openEmulator(const EmulatorOptions &options) {
  ROSSO_TRY(void *entry, LibraryFile("emulator").find(kEmulatorEntry));
  Result<std::unique_ptr<amd::Transport>> result =
      Error{ErrorCode::Internal, "emulator library: returned nothing"};
  reinterpret_cast<EmulatorEntry *>(entry)(&options, &result);
  return result;
}

} // namespace rosso::emulator

// The host device: the CPUs of this machine.
#pragma once

#include "runtime/Device.h"
#include "runtime/host/Arena.h"
#include "runtime/host/CommandList.h"
#include "runtime/host/HostCode.h"
#include "runtime/host/ThreadPool.h"

#include <array>

namespace rosso {

class HostDevice final : public Device {
public:
  static Result<std::unique_ptr<Device>> open(const RunOptions &options);

  std::string_view name() const override { return "host"; }
  std::string describe() const override;
  std::string target() const override { return "host"; }
  Status load(const Program &program, const ArenaPlan &plan) override;
  bool bind(uint32_t entry, const BufferRef &ref, void *memory) override;
  std::span<uint8_t> hostView(uint64_t offset, uint64_t bytes) override;
  Status upload(uint64_t offset, std::span<const uint8_t> bytes) override;
  Status download(uint64_t offset, std::span<uint8_t> bytes) override;
  Status clear(uint64_t offset, uint64_t bytes) override;
  Result<Ticket> submit(uint32_t entry, std::span<const int64_t> vars) override;
  Status wait(Ticket ticket) override;
  std::span<const uint8_t> outputsOf(Ticket ticket) const override;
  Status run(uint32_t entry, LaunchRange launches, std::span<const int64_t> vars,
             std::span<uint64_t> nanoseconds) override;

private:
  HostDevice() = default;

  std::shared_ptr<ThreadPool> pool_;
  Arena arena_;
  HostCode code_;
  std::vector<std::unique_ptr<CommandList>> entries_;
  const ArenaPlan *plan_ = nullptr;

  struct Kept {
    uint64_t size = 0;
    std::array<uint8_t, kKeptBytes> bytes{};
  };
  std::array<Kept, kRunsAhead> kept_; // outputs of the last runs, by ticket % kRunsAhead
  Ticket lastTicket_ = 0;
};

} // namespace rosso

// A program in the memory of a device, ready to run: what a model holds between tokens.
//
// Order of use: create, fill the weights (models/WeightLoader.h), then for each step write the
// inputs, run an entry and read its outputs. States keep their values between runs. One thread at
// a time.
#pragma once

#include "runtime/Device.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace rosso {

class Executable {
public:
  static Result<std::unique_ptr<Executable>> create(Program program,
                                                    const RunOptions &options = {});
  /// On a device that was opened before, to learn what to compile for.
  static Result<std::unique_ptr<Executable>> create(Program program,
                                                    std::unique_ptr<Device> device);

  const Program &program() const { return program_; }
  const ArenaPlan &plan() const { return plan_; }
  Device &device() { return *device_; }
  uint64_t arenaBytes() const { return plan_.bytes; }

  int findEntry(std::string_view name) const; // -1 where there is none
  int findWeight(std::string_view name) const;
  int findState(std::string_view name) const;

  /// Memory as the host sees it. Weights and states give an empty span on devices whose memory it
  /// cannot see: there, use upload and download.
  std::span<uint8_t> weight(int index);
  std::span<uint8_t> state(int index);
  std::span<uint8_t> input(int entry, int index);
  std::span<const uint8_t> output(int entry, int index);

  /// Copies to or from a buffer, beginning `offset` bytes into it.
  Status uploadWeight(int index, uint64_t offset, std::span<const uint8_t> bytes);
  Status upload(int entry, const BufferRef &ref, std::span<const uint8_t> bytes);
  Status download(int entry, const BufferRef &ref, std::span<uint8_t> bytes);
  Status clearStates();

  /// Runs every launch of an entry; `vars` in the order of Program::vars. Allocates nothing.
  /// `nanoseconds`, if given, has room for one number per launch, see Device::run.
  Status run(int entry, std::span<const int64_t> vars, std::span<uint64_t> nanoseconds = {});
  /// The same in two steps, so that several runs can be queued ahead; see Device::submit.
  Result<Ticket> submit(int entry, std::span<const int64_t> vars);
  Status wait(Ticket ticket) { return device_->wait(ticket); }
  /// A small output as that run left it, see Device::outputsOf; empty if it was not kept.
  std::span<const uint8_t> output(Ticket ticket, int entry, int index) const;
  /// Runs one launch alone.
  Status runLaunch(int entry, int launch, std::span<const int64_t> vars);

private:
  Executable() = default;
  Status check(int entry, std::span<const int64_t> vars) const;

  Program program_;
  ArenaPlan plan_;
  std::unique_ptr<Device> device_;
};

/// The most memory this process ever had resident, in bytes.
uint64_t peakResidentBytes();

} // namespace rosso

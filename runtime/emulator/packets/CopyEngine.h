// Reads and executes the packets of one copy queue, as the SDMA engine of a GPU does.
//
// Pointers are in bytes, a packet does not go past the end of the ring, and everything runs in
// order. As strict as the command processor, and as independent of the driver's constants. Source
// of formats: Linux, amdgpu/sdma_v6_0_0_pkt_open.h and navi10_sdma_pkt_open.h; ROCr,
// amd_blit_sdma.cpp.
#pragma once

#include "runtime/emulator/Gpu.h"
#include "runtime/emulator/packets/MemoryAccess.h"
#include "runtime/emulator/packets/Stream.h"

#include <cstdint>
#include <string>
#include <vector>

namespace rosso::emulator {

struct CopyQueueSetup {
  std::string name; // "copy queue 1"
  Stream ring;
};

class CopyEngine {
public:
  CopyEngine(Gpu &gpu, QueueHost &host, CopyQueueSetup setup);

  /// Executes the packets before `writePointer` (in bytes, ever growing).
  Result<QueueEnd> run(uint64_t writePointer, double doorbell);
  uint64_t readPointer() const { return read_; }
  uint64_t faultAddress() const { return faultAddress_; }

private:
  struct Kind;
  static const Kind kKinds[];
  static const Kind *kindOf(uint32_t header);

  struct Source {
    const Stream &stream;
    uint64_t position, end; // in dwords
    std::string name;
    bool indirect = false;
  };

  Result<Packet> fetch(const Source &source, const Kind *&kind);
  Status step(Source &source);
  Error at(const Source &source, const Error &error) const;

  Status nop(const Packet &p);
  Status copyLinear(const Packet &p);
  Status write(const Packet &p);
  Status fence(const Packet &p);
  Status trap(const Packet &p);
  Status poll(const Packet &p);
  Status timestamp(const Packet &p);
  Status fill(const Packet &p);
  Status indirect(const Packet &p);
  Status condition(const Packet &p);
  Status atomic(const Packet &p);
  Status cacheRequest(const Packet &p);
  Status refuse(const Packet &p);

  Result<uint8_t *> readable(uint64_t address, uint64_t bytes);
  Result<uint8_t *> writable(uint64_t address, uint64_t bytes);
  Error pageFault(const char *what, uint64_t address, uint64_t bytes);
  bool isHost(uint64_t address, uint64_t bytes) const;
  /// Of a write that has been made; returns its number.
  uint32_t wrote(uint64_t address, uint64_t bytes);
  void signal(uint64_t address, uint64_t value, uint32_t bytes);

  Gpu &gpu_;
  QueueHost &host_;
  const CopyQueueSetup setup_;

  uint64_t read_ = 0; // bytes consumed
  std::vector<uint32_t> packets_[2];
  Ordering ordering_;
  double now_ = 0; // modelled time
  bool inIndirect_ = false;
  bool last_ = false;        // the packet under execution is the ring's last
  uint64_t packetStart_ = 0; // of the packet under execution, in dwords of its stream
  uint64_t skip_ = 0;
  bool stopped_ = false;
  uint64_t faultAddress_ = 0;
};

} // namespace rosso::emulator

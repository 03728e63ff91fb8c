// Reads and executes the PM4 packets of one compute queue, as the micro engine of a GPU does.
//
// It is stricter than hardware: a bit that a packet does not have, a register that a user's queue
// must not write, an address that is not mapped, each is an error that names the queue, the
// position in its ring and the packet. Dispatches run to their end before the next packet is looked
// at; that later packets may not rely on this is what Ordering keeps track of.
//
// Opcodes and fields are written down here from their documentation (Linux: amdgpu/nvd.h, soc15d.h)
// and not shared with the driver, whose packets this file is to check.
#pragma once

#include "runtime/emulator/Gpu.h"
#include "runtime/emulator/packets/ComputeRegisters.h"
#include "runtime/emulator/packets/MemoryAccess.h"
#include "runtime/emulator/packets/Stream.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

namespace rosso::emulator {

struct ComputeQueueSetup {
  std::string name; // "compute queue 0"
  Stream ring;
  uint64_t endOfPipe = 0; // buffer that RELEASE_MEM needs; 0: none
};

class CommandProcessor {
public:
  CommandProcessor(Gpu &gpu, QueueHost &host, ComputeQueueSetup setup);

  /// Executes the packets before `writePointer` (in dwords, ever growing). `doorbell`: when it
  /// rang, of the GPU's modelled time.
  Result<QueueEnd> run(uint64_t writePointer, double doorbell);
  uint64_t readPointer() const { return read_; }
  uint64_t faultAddress() const { return faultAddress_; } // 0 if the error is not about one

private:
  struct Kind;
  static const Kind kKinds[];
  static const Kind *kindOf(uint32_t opcode);

  /// Where packets come from: the ring, or an indirect buffer.
  struct Source {
    const Stream &stream;
    uint64_t position, end; // in dwords
    std::string name;       // "ring", "indirect buffer at 0x..."
    bool indirect = false;
  };

  Result<Packet> fetch(const Source &source);
  Status execute(Source &source, const Packet &packet);
  Status skip(Source &source, uint64_t dwords);
  Status step(Source &source);
  Error at(const Source &source, const Error &error) const;

  // One for each packet; dwords as in the documentation, 0 is the header.
  Status nop(const Packet &p);
  Status setShRegisters(const Packet &p);
  Status setUserConfig(const Packet &p);
  Status dispatchDirect(const Packet &p);
  Status dispatchIndirect(const Packet &p);
  Status acquireMem(const Packet &p);
  Status releaseMem(const Packet &p);
  Status waitRegMem(const Packet &p);
  Status waitRegMem64(const Packet &p);
  Status writeData(const Packet &p);
  Status copyData(const Packet &p);
  Status eventWrite(const Packet &p);
  Status atomicMem(const Packet &p);
  Status dmaData(const Packet &p);
  Status indirectBuffer(const Packet &p);
  Status condExec(const Packet &p);
  Status predExec(const Packet &p);
  Status refuse(const Packet &p);

  // What packets are made of.
  Status run(const Dispatch &dispatch);
  Status checkCode(const Dispatch &dispatch) const;
  Status waitFor(uint64_t address, uint32_t bytes, uint32_t function, uint64_t reference,
                 uint64_t mask);
  Result<uint8_t *> readable(uint64_t address, uint64_t bytes, Hazards::Through through);
  Result<uint8_t *> writable(uint64_t address, uint64_t bytes);
  /// What this queue's packets may rely on: their own writes arrive in order.
  Visibility seenByPackets() const;
  enum class Confirm : bool { No, Yes };
  /// Of a write that has been made: shadows, counts, and what waiting for it would tell.
  void wrote(uint64_t address, uint64_t bytes, Confirm confirm);
  Error pageFault(const char *what, uint64_t address, uint64_t bytes);
  void invalidateCode();

  Gpu &gpu_;
  QueueHost &host_;
  const ComputeQueueSetup setup_;

  uint64_t read_ = 0;                // dwords consumed
  std::vector<uint32_t> packets_[2]; // of the ring, and of the indirect buffer in it
  ComputeRegisters registers_;
  std::map<uint32_t, uint32_t> scratchRegisters_;
  Ordering ordering_;
  uint32_t lastDispatch_ = 0;         // that this queue started
  bool waited_ = true;                // since the last dispatch
  double front_ = 0, drained_ = 0;    // modelled time: of the parser, of the last wave's end
  std::unordered_set<uint64_t> warm_; // code that ran since code was invalidated
  std::string packetName_;            // of the packet under execution
  bool inIndirect_ = false;
  bool last_ = false; // the packet under execution is the ring's last
  uint64_t skip_ = 0; // dwords after this packet that are not executed
  bool stopped_ = false;
  uint64_t faultAddress_ = 0;
};

} // namespace rosso::emulator

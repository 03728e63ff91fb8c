#include "tests/runtime/amd/FakeGpu.h"

#include <cstring>
#include <thread>

namespace rosso::amd {

FakeGpu::FakeGpu(const char *chip) {
  state_->info.chip = findChip(chip);
  state_->info.name = "fake " + std::string(chip);
  state_->info.computeUnits = state_->info.chip->computeUnits;
  state_->info.shaderEngines = state_->info.chip->shaderEngines;
  state_->info.vramBytes = state_->info.chip->vramBytes;
}

uint8_t *FakeGpu::State::at(uint64_t address, uint64_t bytes) {
  auto after = blocks.upper_bound(address);
  if (after == blocks.begin())
    return nullptr;
  const auto &[start, block] = *std::prev(after);
  if (address - start > block.bytes || block.bytes - (address - start) < bytes)
    return nullptr;
  return block.base + (address - start);
}

Result<Memory> FakeGpu::allocate(uint64_t bytes, MemoryKind kind, std::string_view purpose) {
  const uint64_t size = (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  if (kind != MemoryKind::Host && state_->allocatedVram + size > state_->vramLimit)
    return outOfMemory("VRAM: " + std::to_string(state_->vramLimit - state_->allocatedVram) +
                       " bytes are free");
  if (kind != MemoryKind::Host)
    state_->allocatedVram += size;
  State::Block block;
  block.bytes = size;
  block.data = std::make_unique<uint8_t[]>(size + kPageBytes);
  const auto raw = reinterpret_cast<uintptr_t>(block.data.get());
  block.base = reinterpret_cast<uint8_t *>((raw + kPageBytes - 1) / kPageBytes * kPageBytes);
  std::memset(block.base, 0xA5, size); // nobody may count on zeros
  Memory memory{.address = nextAddress_,
                .bytes = size,
                .host = kind == MemoryKind::Host ? block.base : nullptr,
                .handle = 1};
  nextAddress_ += size + 16 * kPageBytes; // with a hole behind
  state_->blocks[memory.address] = std::move(block);
  state_->purposes[std::string(purpose)] = memory;
  ++state_->allocations;
  ++state_->live;
  return memory;
}

void FakeGpu::free(const Memory &memory) {
  if (state_->blocks.erase(memory.address))
    --state_->live;
}

Result<uint32_t> FakeGpu::createQueue(QueueKind kind, const QueueMemory &memory) {
  queues_.push_back({.kind = kind, .memory = memory, .sh = {}});
  return static_cast<uint32_t>(queues_.size() - 1);
}

void FakeGpu::destroyQueue(uint32_t queue) { queues_[queue].alive = false; }

void FakeGpu::ringDoorbell(uint32_t number, uint64_t writePointer) {
  Queue &queue = queues_[number];
  ++(queue.kind == QueueKind::Compute ? state_->computeDoorbells : state_->copyDoorbells);
  queue.written = writePointer;
  if (state_->behaviour == Behaviour::Paused)
    return;
  uint32_t budget = ~0u;
  advance(queue, budget);
}

void FakeGpu::waitForEvent(std::chrono::milliseconds atMost) {
  uint32_t budget = state_->packetsPerWait;
  for (Queue &queue : queues_)
    if (queue.alive)
      advance(queue, budget);
  std::this_thread::sleep_for(atMost / 10);
}

void FakeGpu::label(uint64_t address, uint64_t, std::string_view name, bool) {
  state_->labels[std::string(name)] = address;
}

void FakeGpu::advance(Queue &queue, uint32_t &budget) {
  auto *ring = reinterpret_cast<uint32_t *>(queue.memory.ring.host);
  const uint64_t dwords = queue.memory.ring.bytes / 4;
  auto &read = *reinterpret_cast<uint64_t *>(queue.memory.pointers.host + 64);
  if (queue.kind == QueueKind::Copy) {
    for (; read != queue.written && budget > 0 && !state_->fault; --budget) {
      const size_t done = runSdma(ring + read / 4 % dwords);
      if (done == 0)
        return;
      read += 4 * done;
    }
    return;
  }
  while (read != queue.written && budget > 0 && !state_->fault && !queue.stuck) {
    --budget;
    auto word = [&](uint64_t i) { return ring[(read + i) % dwords]; };
    Packet packet{word(0) >> 8 & 0xff, {}};
    const uint32_t body = (word(0) >> 16 & 0x3fff) + 1;
    for (uint32_t i = 1; i <= body; ++i)
      packet.body.push_back(word(i));
    if (word(0) >> 30 != 3 || !runPm4(queue, packet))
      return;
    read += body + 1;
  }
}

bool FakeGpu::runPm4(Queue &queue, const Packet &packet) {
  const auto &body = packet.body;
  auto address = [&](size_t i) { return body[i] | uint64_t{body[i + 1]} << 32; };
  auto fail = [&](const std::string &message) {
    state_->fault = Fault{0, message};
    return false;
  };
  const bool waits = packet.op == 0x46 || packet.op == 0x49;
  if (waits && state_->dispatches.size() > state_->fromDispatch) {
    if (state_->behaviour == Behaviour::Hangs)
      queue.stuck = true;
    if (state_->behaviour == Behaviour::Faults)
      return fail("page fault: write to 0xdead000, not present");
    if (queue.stuck)
      return false;
  }
  state_->pm4.push_back(packet);
  switch (packet.op) {
  case 0x10: // NOP
  case 0x46: // EVENT_WRITE
  case 0x58: // ACQUIRE_MEM
    return true;
  case 0x15: {
    Dispatch dispatch{body[0], body[3], queue.sh};
    state_->dispatches.push_back(dispatch);
    clock_ += 250;
    state_->onDispatch(dispatch);
    return body[0] ? true : fail("dispatch of no groups");
  }
  case 0x37: {
    uint8_t *to = state_->at(address(1), 4 * (body.size() - 3));
    if (!to || (body[0] >> 8 & 0xf) != 5)
      return fail("WRITE_DATA to nowhere");
    std::memcpy(to, &body[3], 4 * (body.size() - 3));
    return true;
  }
  case 0x3C: // until somebody else has written; tried again
    if (body[0] != 0x15 || !state_->at(address(1), 4))
      return fail("WAIT_REG_MEM");
    if (state_->word<uint32_t>(address(1)) >= body[3])
      return true;
    state_->pm4.pop_back();
    return false;
  case 0x3F: {
    const uint32_t count = body[2] & 0xfffff;
    const auto *words = reinterpret_cast<const uint32_t *>(state_->at(address(0), 4 * count));
    if (!words)
      return fail("INDIRECT_BUFFER of nothing");
    for (uint32_t i = 0; i < count;) {
      const uint32_t length = (words[i] >> 16 & 0x3fff) + 1;
      if (words[i] >> 30 != 3 || i + length >= count)
        return fail("indirect buffer is not well formed");
      if (!runPm4(queue, {words[i] >> 8 & 0xff, {words + i + 1, words + i + 1 + length}}))
        return false;
      i += 1 + length;
    }
    return true;
  }
  case 0x40: {
    const uint32_t bytes = body[0] == 0x00110501 ? 8 : 4;
    const uint8_t *from = state_->at(address(1), bytes);
    uint8_t *to = state_->at(address(3), bytes);
    if (!from || !to || (bytes == 4 && body[0] != 0x00100501))
      return fail("COPY_DATA");
    std::memcpy(to, from, bytes);
    return true;
  }
  case 0x49: {
    const uint32_t select = body[1] >> 29;
    uint8_t *to = state_->at(address(2), select == 1 ? 4 : 8);
    if (!to)
      return fail("RELEASE_MEM to nowhere");
    const uint64_t value = select == 3 ? clock_ : address(4);
    std::memcpy(to, &value, select == 1 ? 4 : 8);
    if (body[1] >> 24 & 7)
      state_->interrupts.push_back(body[6]);
    return true;
  }
  case 0x76:
    for (size_t i = 1; i < body.size(); ++i)
      queue.sh[body[0] + static_cast<uint32_t>(i) - 1] = body[i];
    return true;
  default:
    return fail("packet " + std::to_string(packet.op));
  }
}

size_t FakeGpu::runSdma(const uint32_t *words) {
  auto address = [&](size_t i) { return words[i] | uint64_t{words[i + 1]} << 32; };
  auto note = [&](size_t dwords) {
    state_->sdma.push_back({words[0] & 0xff, {words, words + dwords}});
    return dwords;
  };
  auto fault = [&](const char *what) { state_->fault = Fault{0, what}; };
  switch (words[0] & 0xff) {
  case 0:
    return 1;
  case 1: {
    const uint64_t bytes = uint64_t{words[1]} + 1;
    const uint8_t *from = state_->at(address(3), bytes);
    uint8_t *to = state_->at(address(5), bytes);
    if (from && to)
      std::memmove(to, from, bytes);
    else
      fault("COPY_LINEAR outside of memory");
    return note(7);
  }
  case 5: {
    if (uint8_t *to = state_->at(address(1), 4))
      std::memcpy(to, &words[3], 4);
    else
      fault("FENCE to nowhere");
    return note(4);
  }
  case 6:
    state_->interrupts.push_back(words[1]);
    return note(2);
  case 8:
    if (words[0] != 0xD0000008 || !state_->at(address(1), 4)) {
      fault("POLL_REGMEM");
      return 6;
    }
    return state_->word<uint32_t>(address(1)) >= words[3] ? note(6) : 0;
  case 11: {
    const uint64_t bytes = uint64_t{words[4]} + 4;
    uint8_t *to = state_->at(address(1), bytes);
    for (uint64_t i = 0; to && i < bytes; i += 4)
      std::memcpy(to + i, &words[3], 4);
    if (!to)
      fault("CONST_FILL outside of memory");
    return note(5);
  }
  default:
    fault("SDMA packet");
    return 1;
  }
}

} // namespace rosso::amd

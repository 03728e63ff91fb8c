// Bytes into and out of VRAM, by the copy engine: through a fixed circle of chunks of host memory
// that both see.
//
//   upload    wait until a chunk is free, fill it, tell the engine, go on with the next chunk
//   download  keep the engine one chunk ahead of the host that empties them
//
// A chunk is free once the copy queue's timeline has reached the point noted for it. Uploads
// return before their last bytes have arrived: whoever looks must wait for the queue, on the GPU
// (Queue::follow) or on the host (drain).
#pragma once

#include "runtime/amd/Queue.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace rosso::amd {

struct StagingSize {
  uint64_t chunkBytes = uint64_t{4} << 20;
  uint32_t chunks = 4;
};

class Copies {
public:
  static Result<std::unique_ptr<Copies>> create(Transport &transport, Health &health, Signal signal,
                                                StagingSize size = {},
                                                std::optional<Interrupt> interrupt = {});
  ~Copies();
  Copies(const Copies &) = delete;
  Copies &operator=(const Copies &) = delete;

  Status upload(uint64_t to, std::span<const uint8_t> bytes);
  Status download(uint64_t from, std::span<uint8_t> bytes);
  /// Zeroes a range.
  Status clear(uint64_t to, uint64_t bytes);
  /// Waits for everything.
  Status drain() { return queue_->drain(); }
  Queue &queue() { return *queue_; }

private:
  struct Chunk {
    uint64_t address = 0;
    uint8_t *host = nullptr;
    uint64_t freeAt = 0; // a point of the queue's timeline
  };

  Copies(Transport &transport, StagingSize size) : transport_(transport), size_(size) {}
  Chunk &next() { return chunks_[turn_++ % chunks_.size()]; }
  /// Queues a copy of at most a chunk; the chunk is free when it is done.
  Status copy(uint64_t from, uint64_t to, uint64_t bytes, Chunk &chunk);

  Transport &transport_;
  StagingSize size_;
  std::unique_ptr<Queue> queue_;
  Memory staging_;
  std::vector<Chunk> chunks_;
  size_t turn_ = 0;
};

} // namespace rosso::amd

#include "runtime/amd/Copies.h"

#include "runtime/amd/sdma/Packets.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace rosso::amd {
namespace {

constexpr uint64_t kRingBytes = 64 << 10;

} // namespace

Result<std::unique_ptr<Copies>> Copies::create(Transport &transport, Health &health, Signal signal,
                                               StagingSize size,
                                               std::optional<Interrupt> interrupt) {
  std::unique_ptr<Copies> copies(new Copies(transport, size));
  ROSSO_TRY(copies->queue_,
            Queue::create(transport, health, QueueKind::Copy, kRingBytes, signal, interrupt));
  ROSSO_TRY(copies->staging_,
            transport.allocate(size.chunkBytes * size.chunks, MemoryKind::Host, "staging"));
  for (uint32_t i = 0; i < size.chunks; ++i)
    copies->chunks_.push_back({.address = copies->staging_.address + i * size.chunkBytes,
                               .host = copies->staging_.host + i * size.chunkBytes});
  return copies;
}

Copies::~Copies() {
  queue_.reset(); // before the memory it may still be copying from
  if (staging_.bytes)
    transport_.free(staging_);
}

Status Copies::copy(uint64_t from, uint64_t to, uint64_t bytes, Chunk &chunk) {
  const uint64_t most = sdma::mostBytes(transport_.gpu().chip->isa);
  for (uint64_t done = 0; done < bytes; done += most)
    ROSSO_CHECK(queue_->write(sdma::encode(
        sdma::CopyLinear{.from = from + done,
                         .to = to + done,
                         .bytes = static_cast<uint32_t>(std::min(bytes - done, most))})));
  ROSSO_TRY(chunk.freeAt, queue_->signal());
  return {};
}

Status Copies::upload(uint64_t to, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min<uint64_t>(bytes.size(), size_.chunkBytes));
    Chunk &chunk = next();
    ROSSO_CHECK(queue_->wait(chunk.freeAt));
    std::memcpy(chunk.host, piece.data(), piece.size());
    ROSSO_CHECK(copy(chunk.address, to, piece.size(), chunk));
    to += piece.size();
    bytes = bytes.subspan(piece.size());
  }
  return {};
}

Status Copies::download(uint64_t from, std::span<uint8_t> bytes) {
  struct Piece {
    Chunk *chunk = nullptr;
    std::span<uint8_t> bytes;
  } pending;
  auto finish = [&](const Piece &piece) -> Status {
    ROSSO_CHECK(queue_->wait(piece.chunk->freeAt));
    std::memcpy(piece.bytes.data(), piece.chunk->host, piece.bytes.size());
    return {};
  };
  while (!bytes.empty()) {
    const Piece piece{&next(), bytes.first(std::min<uint64_t>(bytes.size(), size_.chunkBytes))};
    ROSSO_CHECK(queue_->wait(piece.chunk->freeAt));
    ROSSO_CHECK(copy(from, piece.chunk->address, piece.bytes.size(), *piece.chunk));
    if (pending.chunk)
      ROSSO_CHECK(finish(pending));
    pending = piece;
    from += piece.bytes.size();
    bytes = bytes.subspan(piece.bytes.size());
  }
  return pending.chunk ? finish(pending) : Status();
}

Status Copies::clear(uint64_t to, uint64_t bytes) {
  constexpr std::array<uint8_t, 4> kZeros{};
  // Fills are of whole dwords; what is left over at both ends is copied.
  const uint64_t head = std::min<uint64_t>(-to & 3, bytes);
  ROSSO_CHECK(upload(to, std::span(kZeros).first(head)));
  to += head;
  bytes -= head;
  const uint64_t most = sdma::mostBytes(transport_.gpu().chip->isa);
  const uint64_t words = bytes & ~uint64_t{3};
  for (uint64_t done = 0; done < words; done += most)
    ROSSO_CHECK(queue_->write(sdma::encode(
        sdma::ConstFill{.to = to + done,
                        .value = 0,
                        .bytes = static_cast<uint32_t>(std::min(words - done, most))})));
  if (words)
    if (auto point = queue_->signal(); !point)
      return point.error();
  return upload(to + words, std::span(kZeros).first(bytes - words));
}

} // namespace rosso::amd

#include "runtime/emulator/Hazards.h"

#include "runtime/emulator/packets/Bits.h"

namespace rosso::emulator {
const Seen &seenOf(const Visibility &visibility, WriterKind kind) {
  switch (kind) {
  case WriterKind::Packet:
    return visibility.packets;
  case WriterKind::Copy:
    return visibility.copies;
  default:
    return visibility.dispatches;
  }
}

void Signals::publish(uint64_t address, const Published &published) {
  std::lock_guard lock(mutex_);
  auto &history = written_[address];
  history.push_back(published);
  if (history.size() > kKept)
    history.pop_front();
}

std::optional<Published> Signals::firstThat(uint64_t address,
                                            const std::function<bool(uint64_t)> &satisfies) const {
  std::lock_guard lock(mutex_);
  auto found = written_.find(address);
  if (found == written_.end())
    return std::nullopt;
  for (const Published &published : found->second)
    if (satisfies(published.value))
      return published;
  return std::nullopt;
}

void Ordering::join(const Published &published) {
  Ordering then; // as if this queue stood where the signal was written
  then.seen_.dispatches.finished = published.dispatches;
  then.seen_.packets.finished = published.packets;
  then.seen_.copies.finished = published.copies;
  then.acquire(published.caches);
  for (auto kind : {&Visibility::dispatches, &Visibility::packets, &Visibility::copies}) {
    raise((seen_.*kind).finished, (then.seen_.*kind).finished);
    raise((seen_.*kind).vectorSees, (then.seen_.*kind).vectorSees);
    raise((seen_.*kind).scalarSees, (then.seen_.*kind).scalarSees);
  }
}

void Ordering::joinForCopies(const Published &published) {
  raise(seen_.dispatches.finished, published.dispatches);
  raise(seen_.packets.finished, published.packets);
  raise(seen_.copies.finished, published.copies);
  if (published.caches.l2WrittenBack) {
    raise(seen_.dispatches.vectorSees, published.dispatches);
    raise(seen_.packets.vectorSees, published.packets);
  }
}

void Ordering::acquire(const CacheControl &caches) {
  for (Seen *seen : {&seen_.dispatches, &seen_.packets, &seen_.copies}) {
    // Copies may have gone past L2, which then holds what was there before.
    if (seen == &seen_.copies && !caches.l2Invalidated)
      continue;
    if (caches.vector)
      raise(seen->vectorSees, seen->finished);
    if (caches.scalar)
      raise(seen->scalarSees, seen->finished);
  }
}

void Hazards::name(uint32_t serial, std::string kernel) {
  std::lock_guard lock(mutex_);
  names_[serial] = std::move(kernel);
  if (names_.size() > kNamesKept)
    names_.erase(names_.begin());
}

std::string Hazards::writer(uint32_t id) const {
  const std::string number = std::to_string(writerNumber(id));
  switch (writerKind(id)) {
  case WriterKind::Packet:
    return "the command processor (write " + number + ")";
  case WriterKind::Copy:
    return "the copy engine (copy " + number + ")";
  default:
    break;
  }
  std::lock_guard lock(mutex_);
  auto found = names_.find(writerNumber(id));
  return (found == names_.end() ? "a kernel" : "kernel " + found->second) + " (dispatch " + number +
         ")";
}

Status Hazards::reads(const std::string &who, uint64_t address, uint64_t bytes,
                      const Visibility &seen, Through through) const {
  const Mapping *mapping = strict_ && bytes ? memory_.find(address, bytes) : nullptr;
  if (!mapping || !mapping->shadow)
    return {};
  const bool cached = mapping->region == Region::Vram && through == Through::Memory;
  const uint64_t first = (address - mapping->address) / 4;
  const uint64_t last = (address - mapping->address + bytes - 1) / 4;
  uint32_t checked = 0;
  for (uint64_t dword = first; dword <= last; ++dword) {
    const uint32_t writer = mapping->shadow[dword] & ~kMissingBytes;
    if (!writer || writer == checked)
      continue;
    checked = writer;
    const Seen &of = seenOf(seen, writerKind(writer));
    const uint64_t at = mapping->address + dword * 4;
    if (writerNumber(writer) > of.finished)
      return malformed(who + " reads " + memory_.describe(at) + ", which " + this->writer(writer) +
                       " may still be writing; wait for it before");
    if (cached && writerKind(writer) != WriterKind::Copy && writerNumber(writer) > of.vectorSees)
      return malformed(who + " reads " + memory_.describe(at) + ", which " + this->writer(writer) +
                       " left in L2; write L2 back with the signal that is waited for");
  }
  return {};
}

Status Hazards::writes(const std::string &who, uint64_t address, uint64_t bytes,
                       const Visibility &seen) const {
  const Mapping *mapping = strict_ && bytes ? memory_.find(address, bytes) : nullptr;
  if (!mapping || !mapping->shadow)
    return {};
  const uint64_t first = (address - mapping->address) / 4;
  const uint64_t last = (address - mapping->address + bytes - 1) / 4;
  for (uint64_t dword = first; dword <= last; ++dword) {
    const uint32_t writer = mapping->shadow[dword] & ~kMissingBytes;
    const uint64_t at = mapping->address + dword * 4;
    if (writer && writerNumber(writer) > seenOf(seen, writerKind(writer)).finished)
      return malformed(who + " writes " + memory_.describe(at) + ", which " + this->writer(writer) +
                       " may still be writing; wait for it before");
    const uint32_t reader = mapping->readers ? mapping->readers[dword] : 0;
    if (reader > seen.dispatches.finished)
      return malformed(who + " writes " + memory_.describe(at) + ", which " +
                       this->writer(writerId(WriterKind::Dispatch, reader)) +
                       " may still be reading; wait for it before");
  }
  return {};
}

} // namespace rosso::emulator

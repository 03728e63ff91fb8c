#include "runtime/emulator/Memory.h"

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <mutex>

namespace rosso::emulator {
namespace {

ShadowWords makeShadow(uint64_t bytes) {
  return ShadowWords(static_cast<uint32_t *>(std::calloc(bytes / 4 + 1, 4)));
}

std::string plus(const std::string &name, uint64_t offset) {
  char text[32];
  std::snprintf(text, sizeof text, " + 0x%llx", static_cast<unsigned long long>(offset));
  return name + text;
}

} // namespace

Mapping *Memory::add(Mapping mapping) {
  assert(mapping.data && mapping.bytes);
  if (shadowed_) {
    mapping.shadow = makeShadow(mapping.bytes);
    mapping.readers = makeShadow(mapping.bytes);
  }
  std::unique_lock lock(mutex_);
  const uint64_t address = mapping.address;
  return &(mappings_[address] = std::move(mapping));
}

void Memory::remove(uint64_t address) {
  std::unique_lock lock(mutex_);
  auto found = mappings_.find(address);
  if (found == mappings_.end())
    return;
  const uint64_t end = address + found->second.bytes;
  labels_.erase(labels_.lower_bound(address), labels_.lower_bound(end));
  mappings_.erase(found);
}

Mapping *Memory::find(uint64_t address, uint64_t bytes) const {
  std::shared_lock lock(mutex_);
  auto after = mappings_.upper_bound(address);
  if (after == mappings_.begin())
    return nullptr;
  const Mapping &mapping = std::prev(after)->second;
  const uint64_t offset = address - mapping.address;
  if (offset > mapping.bytes || bytes > mapping.bytes - offset)
    return nullptr;
  return const_cast<Mapping *>(&mapping);
}

uint8_t *Memory::at(uint64_t address, uint64_t bytes) const {
  Mapping *mapping = find(address, bytes);
  return mapping ? mapping->data + (address - mapping->address) : nullptr;
}

void Memory::wrote(uint64_t address, uint64_t bytes, uint32_t writer) {
  Mapping *mapping = find(address, bytes);
  if (!mapping || !mapping->shadow || !bytes)
    return;
  const uint64_t begin = address - mapping->address, end = begin + bytes;
  for (uint64_t dword = begin / 4; dword * 4 < end; ++dword) {
    uint32_t missing = 0;
    if (dword * 4 < begin || dword * 4 + 4 > end) {
      const uint32_t before = mapping->shadow[dword];
      missing = before ? before >> kMissingBytesShift & 15 : 15;
      for (uint64_t byte = 0; byte < 4; ++byte)
        if (dword * 4 + byte >= begin && dword * 4 + byte < end)
          missing &= ~(1u << byte);
    }
    mapping->shadow[dword] = writer | missing << kMissingBytesShift;
  }
}

void Memory::label(Label label) {
  std::unique_lock lock(mutex_);
  const uint64_t address = label.address;
  labels_[address] = std::move(label);
}

const Label *Memory::innermost(uint64_t address, bool code) const {
  for (auto it = labels_.upper_bound(address); it != labels_.begin();) {
    const Label &label = (--it)->second;
    if (label.code == code && address - label.address < label.bytes)
      return &label;
  }
  return nullptr;
}

std::string Memory::describe(uint64_t address) const {
  std::shared_lock lock(mutex_);
  for (bool code : {false, true})
    if (const Label *label = innermost(address, code))
      return plus(label->name, address - label->address);
  auto after = mappings_.upper_bound(address);
  if (after == mappings_.begin())
    return "no allocation";
  const Mapping &below = std::prev(after)->second;
  const uint64_t offset = address - below.address;
  if (offset < below.bytes)
    return plus(below.purpose, offset);
  char text[96];
  std::snprintf(text, sizeof text, "no allocation (nearest below: 0x%llx bytes past the end of ",
                static_cast<unsigned long long>(offset - below.bytes));
  return text + below.purpose + ")";
}

std::string Memory::kernelAt(uint64_t address) const {
  std::shared_lock lock(mutex_);
  const Label *label = innermost(address, true);
  return label ? label->name : std::string();
}

std::optional<Label> Memory::codeAt(uint64_t address) const {
  std::shared_lock lock(mutex_);
  const Label *label = innermost(address, true);
  return label ? std::optional(*label) : std::nullopt;
}

std::vector<Label> Memory::labelsIn(uint64_t address, uint64_t bytes) const {
  std::shared_lock lock(mutex_);
  std::vector<Label> found;
  for (const auto &[at, label] : labels_)
    if (!label.code && at < address + bytes && at + label.bytes > address)
      found.push_back(label);
  return found;
}

} // namespace rosso::emulator

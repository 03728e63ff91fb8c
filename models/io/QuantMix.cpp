#include "models/io/QuantMix.h"

#include <charconv>

namespace rosso {

namespace {

/// What takes over where rows are no multiple of 256.
const QuantFormat &shorterBlocks(const QuantFormat &format) {
  if (&format == &kQ6_K)
    return kQ8_0;
  if (&format == &kQ5_K)
    return kQ5_1;
  if (&format == &kQ4_K)
    return kQ5_0;
  return kIQ4_NL; // for all that are smaller
}

bool isMatrix(std::string_view name, std::span<const int64_t> ne) {
  return ne.size() > 1 && name.ends_with(".weight") && !name.ends_with("_norm.weight") &&
         !name.ends_with("ffn_gate_inp.weight") && name != "position_embd.weight" &&
         name != "token_types.weight";
}

/// 7 for "blk.7.ffn_down.weight", -1 for names without a layer.
int layerOf(std::string_view name) {
  int layer = -1;
  if (name.starts_with("blk."))
    std::from_chars(name.data() + 4, name.data() + name.size(), layer);
  return layer;
}

const QuantFormat &wanted(const QuantMix &mix, const MixedModel &model, std::string_view name) {
  if (name == (model.hasOutput ? "output.weight" : "token_embd.weight"))
    return *mix.output;
  const bool hurtsMost = name.find(".attn_v.") != name.npos || name.find(".ffn_down") != name.npos;
  return hurtsMost && getsMoreBits(layerOf(name), model.layers) ? *mix.moreBits : *mix.base;
}

} // namespace

const QuantMix *findQuantMix(std::string_view name) {
  for (const QuantMix &mix : kQuantMixes)
    if (mix.name == name)
      return &mix;
  return nullptr;
}

std::string quantMixNames() {
  std::string names;
  for (const QuantMix &mix : kQuantMixes)
    if (mix.canBePacked())
      names.append(names.empty() ? "" : ", ").append(mix.name);
  return names;
}

bool getsMoreBits(int layer, int layers) {
  const int eighth = layers / 8;
  return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

const QuantFormat &formatFor(const QuantMix &mix, const MixedModel &model, std::string_view name,
                             std::span<const int64_t> ne) {
  if (!isMatrix(name, ne))
    return kF32;
  const QuantFormat *format = &wanted(mix, model, name);
  if (ne[0] % format->blockLen != 0 && format->blockLen == kMaxBlockLen)
    format = &shorterBlocks(*format);
  return ne[0] % format->blockLen == 0 ? *format : kF16;
}

} // namespace rosso

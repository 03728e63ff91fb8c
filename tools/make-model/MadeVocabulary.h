// The tokenizer of a made model: copied from a GGUF, or made up.
#pragma once

#include "models/io/GgufWriter.h"

#include <cstdint>

namespace rosso {

/// Copies every `tokenizer.*` key, and fills the vocabulary up to `size` tokens with unused ones
/// "[PAD<n>]", as published files do. An error if the file has more tokens than that.
Status copyVocabulary(const GgufFile &file, uint32_t size, GgufWriter &writer);

/// A byte-level BPE that can encode any text: 256 bytes, a few merges, fillers "<extra_<n>>", and
/// the special tokens of ChatML at the end. `size` is at least 300.
void makeVocabulary(uint32_t size, GgufWriter &writer);

} // namespace rosso

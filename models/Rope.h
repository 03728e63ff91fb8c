// How fast each pair of a head's elements turns with the position, and the ways of stretching that
// over a context longer than the trained one.
#pragma once

#include "models/DecoderConfig.h"

namespace rosso {

/// Fills the rope fields of `config` from "<architecture>.rope.*" and the tensor
/// rope_freqs.weight. The other fields must have been read.
Status readRope(const GgufFile &file, DecoderConfig &config);

} // namespace rosso

#include "ir/quant/Expand.h"

#include "ir/quant/Block.h"
#include "ir/quant/Rows.h"

#include <cassert>

namespace rosso {

void expand(const QuantFormat &format, std::span<const uint8_t> bytes, std::span<float> weights) {
  assert(weights.size() >= format.blockLen);
  if (format.isFloat()) {
    weights[0] = loadScale(format.d, bytes);
    return;
  }
  const Block block = decodeBlock(format, bytes);
  for (unsigned g = 0; g < format.groups(); ++g) {
    const float scale = block.d * static_cast<float>(groupScale(format, block, g));
    const float min = static_cast<float>(format.minSign) * block.dmin *
                      static_cast<float>(groupMin(format, block, g));
    for (unsigned i = g * format.groupLen; i < (g + 1) * format.groupLen; ++i) {
      const float product = scale * static_cast<float>(codeValue(format, block.codes[i]));
      weights[i] = product - min; // a statement of its own, so that no compiler fuses it
    }
  }
}

void expandRow(const QuantFormat &format, std::span<const uint8_t> row, std::span<float> weights) {
  assert(weights.size() % format.blockLen == 0);
  assert(row.size() >= format.rowBytes(static_cast<int64_t>(weights.size())));
  const size_t blocks = weights.size() / format.blockLen;
  uint8_t buffer[kMaxBlockSize];
  for (size_t b = 0; b < blocks; ++b)
    expand(format, blockOfRow(format, row, blocks, b, buffer),
           weights.subspan(b * format.blockLen, format.blockLen));
}

} // namespace rosso

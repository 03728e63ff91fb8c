// A block and a lane of a tile hold the same bits in another order. `Plan` is that order, made from
// the descriptor once per call: dwords to read from a block, vectors to write to the tile, and
// between them moves of bits that sixteen rows make in step.
#include "ir/quant/Tile.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace rosso {

namespace {

/// One dword, half or byte of sixteen rows, in the low bits of sixteen dwords.
using Lanes = uint32_t __attribute__((vector_size(4 * kTileRows)));

/// Splits elements of `bits` bits into planes of 8, 4, 2 and 1 bits, low bits first.
std::vector<TilePlane> splitElements(unsigned count, unsigned bits) {
  std::vector<TilePlane> planes;
  for (unsigned width = 8, shift = 0; shift < bits; width /= 2)
    for (; bits - shift >= width; shift += width) {
      const unsigned laneBytes = count * width % 32 == 0 ? 4 : count * width % 16 == 0 ? 2 : 1;
      planes.push_back({.width = width,
                        .shift = shift,
                        .laneBytes = laneBytes,
                        .vectors = count * width / (8 * laneBytes)});
    }
  return planes;
}

/// Where element `e` of a plane lies in the vectors of one lane.
struct LanePosition {
  unsigned vector = 0;
  unsigned bit = 0;
};

LanePosition codePosition(const TilePlane &plane, unsigned e) {
  const unsigned quad = e / 4, quadsPerLane = 8 / plane.width;
  return {quad / quadsPerLane, 8 * (e % 4) + plane.width * (quad % quadsPerLane)};
}

LanePosition scalePosition(const TilePlane &plane, unsigned e) {
  const unsigned laneBits = 8 * plane.laneBytes;
  return {e * plane.width / laneBits, e * plane.width % laneBits};
}

struct Plan {
  /// bits & mask of a target vector = source dword << left >> right; one of the shifts is 0.
  struct Move {
    unsigned source = 0; // index into `sources`
    uint32_t mask = 0;
    unsigned left = 0, right = 0;
  };
  struct Target {
    unsigned offset = 0; // bytes into the tile
    unsigned laneBytes = 4;
    std::vector<Move> moves;
  };

  unsigned loadBytes = 4;        // of each source; less where a block is smaller than a dword
  std::vector<unsigned> sources; // bytes into the block
  std::vector<Target> targets;

  explicit Plan(const QuantFormat &format);

private:
  unsigned sourceIndex(unsigned byte) {
    const auto found = std::find(sources.begin(), sources.end(), byte);
    if (found != sources.end())
      return static_cast<unsigned>(found - sources.begin());
    sources.push_back(byte);
    return static_cast<unsigned>(sources.size() - 1);
  }
  void addMove(Target &target, unsigned sourceByte, unsigned sourceBit, unsigned targetBit,
               uint32_t mask);
  void addScale(const QuantFormat &format, const BlockScale &scale, unsigned offset);
  template <typename Position>
  void addElements(const QuantFormat &format, std::span<const BitPlane> from,
                   std::span<const TilePlane> to, Position position);
};

/// Bits `mask << sourceBit` of the dword at `sourceByte` become bits `mask << targetBit`.
void Plan::addMove(Target &target, unsigned sourceByte, unsigned sourceBit, unsigned targetBit,
                   uint32_t mask) {
  Move move{.source = sourceIndex(sourceByte), .mask = mask << targetBit};
  (targetBit > sourceBit ? move.left : move.right) =
      targetBit > sourceBit ? targetBit - sourceBit : sourceBit - targetBit;
  for (Move &other : target.moves)
    if (other.source == move.source && other.left == move.left && other.right == move.right) {
      other.mask |= move.mask;
      return;
    }
  target.moves.push_back(move);
}

void Plan::addScale(const QuantFormat &format, const BlockScale &scale, unsigned offset) {
  const unsigned bytes = byteSize(scale.type);
  if (bytes == 0)
    return;
  const unsigned from = std::min(scale.offset, format.blockSize - loadBytes);
  Target target{.offset = offset, .laneBytes = bytes, .moves = {}};
  addMove(target, from, 8 * (scale.offset - from), 0, bytes == 4 ? ~0u : (1u << 8 * bytes) - 1);
  targets.push_back(std::move(target));
}

template <typename Position>
void Plan::addElements(const QuantFormat &format, std::span<const BitPlane> from,
                       std::span<const TilePlane> to, Position position) {
  for (const TilePlane &plane : to) {
    const size_t firstTarget = targets.size();
    for (unsigned v = 0; v < plane.vectors; ++v)
      targets.push_back({.offset = plane.offset + v * kTileRows * plane.laneBytes,
                         .laneBytes = plane.laneBytes,
                         .moves = {}});
    for (const BitPlane &source : from) {
      const unsigned low = std::max(plane.shift, source.shift);
      const unsigned high = std::min(plane.shift + plane.width, source.shift + source.width);
      if (low >= high)
        continue;
      for (unsigned e = 0; e < source.count; ++e) {
        const BitAddress at = source.locate(e);
        // Dwords counted from the plane's start, so that a quad of codes is one dword's bits.
        const unsigned byte = std::min(source.offset + (at.byte - source.offset) / 4 * 4,
                                       format.blockSize - loadBytes);
        const LanePosition lane = position(plane, source.first + e);
        addMove(targets[firstTarget + lane.vector], byte,
                8 * (at.byte - byte) + at.bit + low - source.shift, lane.bit + low - plane.shift,
                (1u << (high - low)) - 1);
      }
    }
  }
}

Plan::Plan(const QuantFormat &format) : loadBytes(std::min(4u, format.blockSize)) {
  const TileLayout layout = tileLayout(format);
  addElements(format, format.codes, layout.codes, codePosition);
  addElements(format, format.scales, layout.scales, scalePosition);
  addScale(format, format.d, layout.dOffset);
  addScale(format, format.dmin, layout.dminOffset);
}

void storeLanes(const Lanes &lanes, unsigned laneBytes, uint8_t *to) {
  if (laneBytes == 4) {
    std::memcpy(to, &lanes, sizeof lanes);
  } else if (laneBytes == 2) {
    const auto halves = __builtin_convertvector(lanes, uint16_t __attribute__((vector_size(32))));
    std::memcpy(to, &halves, sizeof halves);
  } else {
    const auto bytes = __builtin_convertvector(lanes, uint8_t __attribute__((vector_size(16))));
    std::memcpy(to, &bytes, sizeof bytes);
  }
}

Lanes loadLanes(const uint8_t *from, unsigned laneBytes) {
  Lanes lanes = {};
  for (unsigned row = 0; row < kTileRows; ++row) {
    uint32_t value = 0;
    std::memcpy(&value, from + row * laneBytes, laneBytes);
    lanes[row] = value;
  }
  return lanes;
}

/// The most sources a plan can have: each dword of the block, and the clamped ones at its end.
constexpr unsigned kMaxSources = kMaxBlockSize / 4 + 8;

/// One tile from the blocks at `rows[0..count)`.
void groupTile(const Plan &plan, const uint8_t *const *rows, unsigned count, uint8_t *tile) {
  alignas(64) uint32_t in[kMaxSources][kTileRows];
  assert(plan.sources.size() <= kMaxSources);
  if (count < kTileRows)
    std::memset(in, 0, sizeof in);
  for (unsigned row = 0; row < count; ++row)
    for (size_t s = 0; s < plan.sources.size(); ++s)
      std::memcpy(&in[s][row], rows[row] + plan.sources[s], 4);
  for (const Plan::Target &target : plan.targets) {
    Lanes lanes = {};
    for (const Plan::Move &move : target.moves) {
      Lanes source;
      std::memcpy(&source, in[move.source], sizeof source);
      lanes |= (source << move.left >> move.right) & move.mask;
    }
    storeLanes(lanes, target.laneBytes, tile + target.offset);
  }
}

/// The blocks of `rows[0..count)` from one tile.
void ungroupTile(const Plan &plan, unsigned blockSize, const uint8_t *tile, unsigned count,
                 uint8_t *const *rows) {
  Lanes out[kMaxSources] = {};
  for (const Plan::Target &target : plan.targets) {
    const Lanes lanes = loadLanes(tile + target.offset, target.laneBytes);
    for (const Plan::Move &move : target.moves)
      out[move.source] |= (lanes & move.mask) << move.right >> move.left;
  }
  for (unsigned row = 0; row < count; ++row) {
    std::memset(rows[row], 0, blockSize);
    for (size_t s = 0; s < plan.sources.size(); ++s) { // sources may overlap, their bits do not
      uint32_t there;
      std::memcpy(&there, rows[row] + plan.sources[s], 4);
      there |= out[s][row];
      std::memcpy(rows[row] + plan.sources[s], &there, 4);
    }
  }
}

/// Plain floats need no plan: a tile is a column of sixteen values.
template <typename Word>
void groupFloats(int64_t rows, int64_t cols, const uint8_t *source, uint8_t *target) {
  for (int64_t first = 0; first < rows; first += kTileRows) {
    const int64_t count = std::min<int64_t>(kTileRows, rows - first);
    const uint8_t *from = source + first * cols * sizeof(Word);
    for (int64_t col = 0; col < cols; ++col) {
      Word column[kTileRows] = {};
      for (int64_t row = 0; row < count; ++row)
        std::memcpy(&column[row], from + (row * cols + col) * sizeof(Word), sizeof(Word));
      std::memcpy(target, column, sizeof column);
      target += sizeof column;
    }
  }
}

template <typename Word>
void ungroupFloats(int64_t rows, int64_t cols, const uint8_t *tiles, uint8_t *target) {
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t col = 0; col < cols; ++col) {
      const int64_t value = (row / kTileRows * cols + col) * kTileRows + row % kTileRows;
      std::memcpy(target + (row * cols + col) * sizeof(Word), tiles + value * sizeof(Word),
                  sizeof(Word));
    }
}

} // namespace

TileLayout tileLayout(const QuantFormat &format) {
  assert(!format.splitRows && "activations are never regrouped");
  TileLayout layout;
  layout.codes = splitElements(format.blockLen, format.codeBits);
  layout.scales = splitElements(format.scaleCount(), format.scaleBits);
  if (format.scales.empty())
    layout.scales.clear();
  auto place = [&](std::vector<TilePlane> &planes) {
    for (TilePlane &plane : planes) {
      plane.offset = layout.bytes;
      layout.bytes += plane.vectors * kTileRows * plane.laneBytes;
    }
  };
  place(layout.codes); // first, so that most vectors are aligned
  place(layout.scales);
  layout.dOffset = layout.bytes;
  layout.bytes += kTileRows * byteSize(format.d.type);
  layout.dminOffset = layout.bytes;
  layout.bytes += kTileRows * byteSize(format.dmin.type);
  assert(layout.bytes == kTileRows * format.blockSize);
  return layout;
}

uint64_t tileBytes(const QuantFormat &format, int64_t rows, int64_t cols) {
  const int64_t paddedRows = (rows + kTileRows - 1) / kTileRows * kTileRows;
  return static_cast<uint64_t>(paddedRows) * format.rowBytes(cols);
}

void regroup(const QuantFormat &format, int64_t rows, int64_t cols, std::span<const uint8_t> source,
             std::span<uint8_t> target) {
  const uint64_t rowBytes = format.rowBytes(cols);
  assert(cols % format.blockLen == 0 && source.size() >= rows * rowBytes &&
         target.size() >= tileBytes(format, rows, cols));
  if (format.isFloat())
    return format.blockSize == 4 ? groupFloats<uint32_t>(rows, cols, source.data(), target.data())
                                 : groupFloats<uint16_t>(rows, cols, source.data(), target.data());
  const Plan plan(format);
  uint8_t *tile = target.data();
  for (int64_t first = 0; first < rows; first += kTileRows) {
    const unsigned count = static_cast<unsigned>(std::min<int64_t>(kTileRows, rows - first));
    const uint8_t *blocks[kTileRows] = {};
    for (unsigned row = 0; row < count; ++row)
      blocks[row] = source.data() + (first + row) * rowBytes;
    for (int64_t col = 0; col < cols; col += format.blockLen) {
      groupTile(plan, blocks, count, tile);
      tile += kTileRows * format.blockSize;
      for (unsigned row = 0; row < count; ++row)
        blocks[row] += format.blockSize;
    }
  }
}

void ungroup(const QuantFormat &format, int64_t rows, int64_t cols, std::span<const uint8_t> tiles,
             std::span<uint8_t> target) {
  const uint64_t rowBytes = format.rowBytes(cols);
  assert(cols % format.blockLen == 0 && target.size() >= rows * rowBytes &&
         tiles.size() >= tileBytes(format, rows, cols));
  if (format.isFloat())
    return format.blockSize == 4 ? ungroupFloats<uint32_t>(rows, cols, tiles.data(), target.data())
                                 : ungroupFloats<uint16_t>(rows, cols, tiles.data(), target.data());
  const Plan plan(format);
  const uint8_t *tile = tiles.data();
  for (int64_t first = 0; first < rows; first += kTileRows) {
    const unsigned count = static_cast<unsigned>(std::min<int64_t>(kTileRows, rows - first));
    uint8_t *blocks[kTileRows] = {};
    for (unsigned row = 0; row < count; ++row)
      blocks[row] = target.data() + (first + row) * rowBytes;
    for (int64_t col = 0; col < cols; col += format.blockLen) {
      ungroupTile(plan, format.blockSize, tile, count, blocks);
      tile += kTileRows * format.blockSize;
      for (unsigned row = 0; row < count; ++row)
        blocks[row] += format.blockSize;
    }
  }
}

} // namespace rosso

// A block and a lane of a tile hold the same bits in another order. `Plan` is that order, made from
// the descriptor once per call: dwords to read from a block, vectors to write to the tile, and
// between them moves of bits that sixteen rows make in step.
#include "ir/quant/Tile.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace rosso {

namespace {

/// Rows that are moved in step. Taller tiles are made of several such bands.
constexpr unsigned kBand = 16;

/// One dword, half or byte of sixteen rows, in the low bits of sixteen dwords.
using Lanes = uint32_t __attribute__((vector_size(4 * kBand)));

/// Splits elements of `bits` bits into planes of 8, 4, 2 and 1 bits, low bits first.
std::vector<TilePlane> splitElements(unsigned count, unsigned bits, const TileShape &shape) {
  std::vector<TilePlane> planes;
  for (unsigned width = 8, shift = 0; shift < bits; width /= 2)
    for (; bits - shift >= width; shift += width) {
      const unsigned laneBytes = count * width % 32 == 0 ? 4 : count * width % 16 == 0 ? 2 : 1;
      const unsigned vectors = count * width / (8 * laneBytes);
      unsigned pack = std::max(1u, shape.laneBytes / 4);
      while (laneBytes < 4 ? pack > 1 : vectors % pack != 0)
        pack /= 2;
      planes.push_back({.width = width,
                        .shift = shift,
                        .laneBytes = laneBytes,
                        .vectors = vectors,
                        .pack = pack});
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
    unsigned offset = 0; // bytes into the tile of row 0
    unsigned laneBytes = 4;
    unsigned stride = 4; // from one row to the next
    std::vector<Move> moves;
  };

  unsigned loadBytes = 4;        // of each source; less where a block is smaller than a dword
  std::vector<unsigned> sources; // bytes into the block
  std::vector<Target> targets;

  Plan(const QuantFormat &format, const TileShape &shape);

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
  void addElements(const QuantFormat &format, unsigned rows, std::span<const BitPlane> from,
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
  Target target{.offset = offset, .laneBytes = bytes, .stride = bytes, .moves = {}};
  addMove(target, from, 8 * (scale.offset - from), 0, bytes == 4 ? ~0u : (1u << 8 * bytes) - 1);
  targets.push_back(std::move(target));
}

template <typename Position>
void Plan::addElements(const QuantFormat &format, unsigned rows, std::span<const BitPlane> from,
                       std::span<const TilePlane> to, Position position) {
  for (const TilePlane &plane : to) {
    const size_t firstTarget = targets.size();
    for (unsigned v = 0; v < plane.vectors; ++v)
      targets.push_back({.offset = plane.at(v, 0, rows),
                         .laneBytes = plane.laneBytes,
                         .stride = plane.laneBytes * plane.pack,
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

Plan::Plan(const QuantFormat &format, const TileShape &shape)
    : loadBytes(std::min(4u, format.blockSize)) {
  const TileLayout layout = tileLayout(format, shape);
  addElements(format, shape.rows, format.codes, layout.codes, codePosition);
  addElements(format, shape.rows, format.scales, layout.scales, scalePosition);
  addScale(format, format.d, layout.dOffset);
  addScale(format, format.dmin, layout.dminOffset);
}

void storeLanes(const Lanes &lanes, unsigned laneBytes, unsigned stride, uint8_t *to) {
  if (stride != laneBytes) {
    for (unsigned row = 0; row < kBand; ++row) {
      const uint32_t value = lanes[row];
      std::memcpy(to + row * stride, &value, sizeof value);
    }
  } else if (laneBytes == 4) {
    std::memcpy(to, &lanes, sizeof lanes);
  } else if (laneBytes == 2) {
    const auto halves = __builtin_convertvector(lanes, uint16_t __attribute__((vector_size(32))));
    std::memcpy(to, &halves, sizeof halves);
  } else {
    const auto bytes = __builtin_convertvector(lanes, uint8_t __attribute__((vector_size(16))));
    std::memcpy(to, &bytes, sizeof bytes);
  }
}

Lanes loadLanes(const uint8_t *from, unsigned laneBytes, unsigned stride) {
  Lanes lanes = {};
  for (unsigned row = 0; row < kBand; ++row) {
    uint32_t value = 0;
    std::memcpy(&value, from + row * stride, laneBytes);
    lanes[row] = value;
  }
  return lanes;
}

/// The most sources a plan can have: each dword of the block, and the clamped ones at its end.
constexpr unsigned kMaxSources = kMaxBlockSize / 4 + 8;

/// Rows [band, band + 16) of one tile from the blocks at `rows[0..count)`.
void groupBand(const Plan &plan, const uint8_t *const *rows, unsigned band, unsigned count,
               uint8_t *tile) {
  alignas(64) uint32_t in[kMaxSources][kBand];
  assert(plan.sources.size() <= kMaxSources);
  if (count < kBand)
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
    storeLanes(lanes, target.laneBytes, target.stride, tile + target.offset + band * target.stride);
  }
}

/// The blocks of `rows[0..count)` from rows [band, band + 16) of one tile.
void ungroupBand(const Plan &plan, unsigned blockSize, const uint8_t *tile, unsigned band,
                 unsigned count, uint8_t *const *rows) {
  Lanes out[kMaxSources] = {};
  for (const Plan::Target &target : plan.targets) {
    const Lanes lanes =
        loadLanes(tile + target.offset + band * target.stride, target.laneBytes, target.stride);
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

/// Plain floats need no plan. `move` gets, for each value, its place in the file's order and in the
/// tiles, in values.
template <typename Move>
void walkFloats(int64_t rows, int64_t cols, const TileShape &shape, int64_t columns, Move move) {
  int64_t tile = 0;
  for (int64_t first = 0; first < rows; first += shape.rows)
    for (int64_t col = 0; col < cols; col += columns, tile += shape.rows * columns)
      for (int64_t row = 0; row < std::min<int64_t>(shape.rows, rows - first); ++row)
        for (int64_t i = 0; i < columns; ++i)
          move((first + row) * cols + col + i, tile + row * columns + i);
}

template <typename Word>
void groupFloats(int64_t rows, int64_t cols, const TileShape &shape, int64_t columns,
                 const uint8_t *source, uint8_t *target) {
  walkFloats(rows, cols, shape, columns, [&](int64_t from, int64_t to) {
    std::memcpy(target + to * sizeof(Word), source + from * sizeof(Word), sizeof(Word));
  });
}

template <typename Word>
void ungroupFloats(int64_t rows, int64_t cols, const TileShape &shape, int64_t columns,
                   const uint8_t *tiles, uint8_t *target) {
  walkFloats(rows, cols, shape, columns, [&](int64_t to, int64_t from) {
    std::memcpy(target + to * sizeof(Word), tiles + from * sizeof(Word), sizeof(Word));
  });
}

/// How many of the 16 rows from `first` on there are.
unsigned rowsOfBand(int64_t rows, int64_t first) {
  return static_cast<unsigned>(std::clamp<int64_t>(rows - first, 0, kBand));
}

} // namespace

const TileShape *findTileShape(std::string_view layout) {
  return layout == "tile16" ? &kTile16 : layout == "tile32" ? &kTile32 : nullptr;
}

TileLayout tileLayout(const QuantFormat &format, const TileShape &shape) {
  assert(!format.splitRows && "activations are never regrouped");
  TileLayout layout{.rows = shape.rows, .codes = {}, .scales = {}};
  layout.codes = splitElements(format.blockLen, format.codeBits, shape);
  layout.scales = splitElements(format.scaleCount(), format.scaleBits, shape);
  if (format.scales.empty())
    layout.scales.clear();
  auto place = [&](std::vector<TilePlane> &planes) {
    for (TilePlane &plane : planes) {
      plane.offset = layout.bytes;
      layout.bytes += plane.vectors * shape.rows * plane.laneBytes;
    }
  };
  place(layout.codes); // first, so that most vectors are aligned
  place(layout.scales);
  layout.dOffset = layout.bytes;
  layout.bytes += shape.rows * byteSize(format.d.type);
  layout.dminOffset = layout.bytes;
  layout.bytes += shape.rows * byteSize(format.dmin.type);
  assert(layout.bytes == shape.rows * format.blockSize);
  return layout;
}

unsigned floatColumns(const QuantFormat &format, int64_t cols, const TileShape &shape) {
  const unsigned most = std::max(1u, shape.laneBytes / format.blockSize);
  return shape == kTile16 || cols % most != 0 ? 1 : most;
}

uint64_t tileBytes(const QuantFormat &format, int64_t rows, int64_t cols, const TileShape &shape) {
  const int64_t paddedRows = (rows + shape.rows - 1) / shape.rows * shape.rows;
  return static_cast<uint64_t>(paddedRows) * format.rowBytes(cols);
}

void regroup(const QuantFormat &format, int64_t rows, int64_t cols, const TileShape &shape,
             std::span<const uint8_t> source, std::span<uint8_t> target) {
  const uint64_t rowBytes = format.rowBytes(cols);
  assert(cols % format.blockLen == 0 && source.size() >= rows * rowBytes &&
         target.size() >= tileBytes(format, rows, cols, shape));
  if (format.isFloat()) {
    if (rows % shape.rows != 0) // the last tile's other rows
      std::memset(target.data() + rows / shape.rows * shape.rows * rowBytes, 0,
                  shape.rows * rowBytes);
    const int64_t columns = floatColumns(format, cols, shape);
    auto group = format.blockSize == 4 ? groupFloats<uint32_t> : groupFloats<uint16_t>;
    return group(rows, cols, shape, columns, source.data(), target.data());
  }
  const Plan plan(format, shape);
  uint8_t *tiles = target.data();
  for (int64_t first = 0; first < rows; first += shape.rows) {
    for (unsigned band = 0; band < shape.rows; band += kBand) {
      const unsigned count = rowsOfBand(rows, first + band);
      const uint8_t *blocks[kBand] = {};
      for (unsigned row = 0; row < count; ++row)
        blocks[row] = source.data() + (first + band + row) * rowBytes;
      uint8_t *tile = tiles;
      for (int64_t col = 0; col < cols; col += format.blockLen) {
        groupBand(plan, blocks, band, count, tile);
        tile += shape.rows * format.blockSize;
        for (unsigned row = 0; row < count; ++row)
          blocks[row] += format.blockSize;
      }
    }
    tiles += shape.rows * rowBytes;
  }
}

void ungroup(const QuantFormat &format, int64_t rows, int64_t cols, const TileShape &shape,
             std::span<const uint8_t> tiles, std::span<uint8_t> target) {
  const uint64_t rowBytes = format.rowBytes(cols);
  assert(cols % format.blockLen == 0 && target.size() >= rows * rowBytes &&
         tiles.size() >= tileBytes(format, rows, cols, shape));
  if (format.isFloat()) {
    const int64_t columns = floatColumns(format, cols, shape);
    auto undo = format.blockSize == 4 ? ungroupFloats<uint32_t> : ungroupFloats<uint16_t>;
    return undo(rows, cols, shape, columns, tiles.data(), target.data());
  }
  const Plan plan(format, shape);
  const uint8_t *tileRow = tiles.data();
  for (int64_t first = 0; first < rows; first += shape.rows) {
    for (unsigned band = 0; band < shape.rows; band += kBand) {
      const unsigned count = rowsOfBand(rows, first + band);
      uint8_t *blocks[kBand] = {};
      for (unsigned row = 0; row < count; ++row)
        blocks[row] = target.data() + (first + band + row) * rowBytes;
      const uint8_t *tile = tileRow;
      for (int64_t col = 0; col < cols; col += format.blockLen) {
        ungroupBand(plan, format.blockSize, tile, band, count, blocks);
        tile += shape.rows * format.blockSize;
        for (unsigned row = 0; row < count; ++row)
          blocks[row] += format.blockSize;
      }
    }
    tileRow += shape.rows * rowBytes;
  }
}

} // namespace rosso

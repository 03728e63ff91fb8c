// matvec and small matmul on a GPU over weights in tile32: y[t, n] = sum over k of x[t, k] w[n, k].
//
// A lane is a row of the weight, a wave 32 rows, so sums never cross lanes. The waves of a work
// group share the rows' blocks between them (K split) and meet once, in shared memory. Activations
// are the same for all lanes: they come through the scalar cache into scalar registers, and cost no
// vector register and no vector load. A weight costs its unpacking, a quarter of a dot product, and
// its share of a group's scale.
//
// The arithmetic is that of templates/TileContraction.cpp for one token.
#include "codegen/amdgpu/Wave.h"
#include "codegen/quant/TileEmitter.h"
#include "codegen/templates/Contraction.h"
#include "codegen/templates/Templates.h"
#include "ir/quant/Formats.h"

#include <memory>

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kActBlock = 32; // activations with one scale
constexpr int64_t kColumns = 4;   // tokens that share the unpacking of a weight
constexpr int64_t kStride = 256;  // weights of a row in one iteration
constexpr unsigned kPiece = 128;  // of which are loaded together

class LaneTileContraction {
public:
  LaneTileContraction(Emit &emit, KernelContext &context)
      : e(emit), kernel(context), elements(emit, context), groups(linearGroups(context.op)),
        wave(emit, context, kWaveLanes * wavesFor()) {
    LinearOp first = groups.front().linears.front();
    Value source = kernel.pointerOf(cast<BlockArgument>(first.getSource()));
    input = constantMemory(e, source);
    Type element = tensorOf(first.getSource()).getElementType();
    activations = formatOf(element);
    integer = activations != nullptr;
    inputType = integer ? Type() : element;
    length = shapeOf(first.getSource()).back().constant();
    tokens = tokenCount(first);
    columns = tokens == Dim(1) ? 1 : kColumns;
    if (columns == 1)
      kernel.mostVgprs = 96; // all 16 waves of a SIMD
    rowBytes =
        integer ? length + length / kActBlock * 16 : length * inputType.getIntOrFloatBitWidth() / 8;
  }

  void emit() {
    Dim total;
    for (const LinearGroup &group : groups)
      total = total + Dim(tilesOf(group));
    kernel.grid = {{.extent = total}};
    if (columns > 1)
      kernel.grid.insert(kernel.grid.begin(), GridDim{.extent = tokens, .tile = columns});
    kernel.schedule = std::string(integer ? "int8" : "f32") + ", rows 32, K split " +
                      std::to_string(wave.waves()) +
                      (columns > 1 ? ", tokens " + std::to_string(columns) : "");
    int64_t tiles = total.constant();
    Value tile = e.remainder(wave.group(), e.constant(tiles));
    firstToken = e.mul(e.divide(wave.group(), e.constant(tiles)), e.constant(columns));
    if (columns > 1)
      lastToken = e.sub(kernel.extent(e, tokens), e.constant(1));
    int64_t first = 0;
    for (const LinearGroup &group : groups) {
      int64_t last = first + tilesOf(group);
      auto body = [&] {
        ElementEmitter::Scope scope(elements);
        contract(group, e.sub(tile, e.constant(first)));
      };
      if (groups.size() == 1)
        body();
      else
        e.ifThen(e.bitAnd(e.less(e.constant(first - 1), tile), e.less(tile, e.constant(last))),
                 body);
      first = last;
    }
  }

private:
  static int64_t tilesOf(const LinearGroup &group) {
    return (group.rows + kWaveLanes - 1) / kWaveLanes;
  }
  /// Waves that share a row: as many as the row has iterations, or a divisor of them, so that none
  /// idles at the end; at most 16.
  int64_t wavesFor() const {
    LinearOp linear = groups.front().linears.front();
    int64_t strides = (shapeOf(linear.getSource()).back().constant() + kStride - 1) / kStride;
    int64_t best = 1;
    for (int64_t waves = 2; waves <= 16; ++waves) {
      auto turns = [&](int64_t w) { return (strides + w - 1) / w * w; }; // of all waves
      if (waves <= strides && turns(waves) * best <= turns(best) * waves)
        best = waves;
    }
    return best;
  }

  void contract(const LinearGroup &group, Value tile) {
    // What the waves have summed: f32 [linear][column][wave][32].
    auto count = static_cast<int64_t>(group.linears.size());
    std::vector<Values> sums; // [linear][column]
    for (LinearOp linear : group.linears)
      sums.push_back(sumsOf(linear, tile));
    if (wave.waves() > 1) {
      Value partials = wave.shared(count * columns * wave.threads() * 4);
      auto at = [&](int64_t linear, int64_t column, Value thread) {
        int64_t part = (linear * columns + column) * wave.threads() * 4;
        return e.at(e.at(partials, e.mul(thread, e.constant(4))), part);
      };
      for (int64_t l = 0; l < count; ++l)
        for (int64_t c = 0; c < columns; ++c)
          e.store(sums[static_cast<size_t>(l)][c], at(l, c, wave.thread()), 4);
      wave.barrier();
      e.ifThen(e.equal(wave.number(), e.constant(0)), [&] {
        for (int64_t l = 0; l < count; ++l)
          for (int64_t c = 0; c < columns; ++c) {
            Value sum = sums[static_cast<size_t>(l)][c];
            for (int64_t w = 1; w < wave.waves(); ++w)
              sum =
                  e.addF(sum, e.load(e.f32(), e.at(at(l, c, wave.lane()), w * kWaveLanes * 4), 4));
            sums[static_cast<size_t>(l)][c] = sum;
          }
        store(group, tile, sums);
      });
    } else {
      store(group, tile, sums);
    }
  }

  void store(const LinearGroup &group, Value tile, const std::vector<Values> &sums) {
    for (int64_t c = 0; c < columns; ++c) {
      Value token = e.add(firstToken, e.constant(c));
      Values ofColumn;
      for (const Values &linear : sums)
        ofColumn.push_back(linear[c]);
      auto storeToken = [&] { storeLanes(elements, wave, group, ofColumn, token, tile); };
      if (columns == 1)
        storeToken();
      else
        e.ifThen(e.less(token, e.add(lastToken, e.constant(1))), storeToken);
    }
  }

  /// The activations of column `c`; of tokens that do not exist the last that does.
  Value inputRow(int64_t c) {
    if (columns == 1)
      return input;
    Value token = e.minimum(e.add(firstToken, e.constant(c)), lastToken);
    return e.at(input, e.mul(token, e.constant(rowBytes)));
  }

  /// This wave's share of the products of a tile of rows with each column.
  Values sumsOf(LinearOp linear, Value tile) {
    Type element = tensorOf(linear.getWeight()).getElementType();
    const QuantFormat *quantised = formatOf(element);
    const QuantFormat &format = quantised ? *quantised : *findFormat(name(*dtypeOf(element)));
    const unsigned packed = format.isFloat() ? floatColumns(format, length, kTile32) : 1;
    const int64_t tileColumns = format.blockLen * packed;
    const int64_t tileBytes = tileLayout(format, kTile32).bytes * packed;
    Value weights = kernel.pointerOf(cast<BlockArgument>(linear.getWeight()));
    int64_t tiles = length / tileColumns; // of a row
    int64_t step = std::max<int64_t>(1, kStride / tileColumns);
    while (tiles % step)
      --step;
    Value rowStart = e.at(weights, e.mul(tile, e.constant(tiles * tileBytes)));
    Values rows;
    for (int64_t c = 0; c < columns; ++c)
      rows.push_back(inputRow(c));

    Value begin = e.mul(wave.number(), e.constant(step));
    return e.loop(begin, e.constant(tiles), step * wave.waves(),
                  Values(static_cast<size_t>(columns), e.zero(e.f32())),
                  [&](Value first, ValueRange carried) {
                    Values acc(carried);
                    std::vector<Piece> pieces;
                    for (int64_t i = 0; i < step; ++i) {
                      Value at = e.add(first, e.constant(i));
                      Value pointer = e.at(rowStart, e.mul(at, e.constant(tileBytes)));
                      Value k = e.mul(at, e.constant(tileColumns));
                      if (format.isFloat())
                        multiplyFloats(format, packed, pointer, rows, k, acc);
                      else if (integer)
                        addPieces(pieces, format, pointer, k);
                      else
                        multiplyExpanded(format, pointer, rows, k, acc);
                    }
                    multiplyPieces(pieces, format, rows, acc);
                    return acc;
                  });
  }

  /// Weights of one tile whose loads are issued together.
  struct Piece {
    std::shared_ptr<TileEmitter> tile;
    Value k; // of the tile's first weight
    unsigned first, count;
  };

  void addPieces(std::vector<Piece> &pieces, const QuantFormat &format, Value pointer, Value k) {
    auto tile = std::make_shared<TileEmitter>(e, kernel.target, format, pointer, wave.lane());
    unsigned count = std::min<unsigned>(format.blockLen, kPiece);
    for (unsigned first = 0; first < format.blockLen; first += count)
      pieces.push_back({tile, k, first, count});
  }

  /// The loads of the next piece are under way while one is multiplied. Left to itself, the
  /// compiler either keeps everything unpacked at once or waits for every load.
  void multiplyPieces(std::vector<Piece> &pieces, const QuantFormat &format, ValueRange rows,
                      Values &acc) {
    const size_t together = std::max<size_t>(1, kPiece / format.blockLen);
    auto load = [&](size_t begin) {
      for (size_t i = begin; i < std::min(begin + together, pieces.size()); ++i)
        pieces[i].tile->load(pieces[i].first / 4, pieces[i].count / 4);
    };
    load(0);
    for (size_t begin = 0; begin < pieces.size(); begin += together) {
      load(begin + together);
      e.intrinsic({}, "llvm.amdgcn.sched.barrier", {e.constant(e.i32(), 0)});
      for (size_t i = begin; i < std::min(begin + together, pieces.size()); ++i)
        multiplyBytes(format, pieces[i], rows, acc);
      e.intrinsic({}, "llvm.amdgcn.sched.barrier", {e.constant(e.i32(), 0)});
    }
  }

  Value activation(Value row, Value k, int64_t i) {
    int64_t bytes = inputType.getIntOrFloatBitWidth() / 8;
    Value value = e.load(inputType, e.at(e.at(row, e.mul(k, e.constant(bytes))), i * bytes),
                         static_cast<unsigned>(bytes));
    return e.extendFloat(value, e.f32());
  }

  /// A lane's `packed` floats of its row.
  void multiplyFloats(const QuantFormat &format, unsigned packed, Value tile, ValueRange rows,
                      Value k, Values &acc) {
    Type type = format.d.type == ScaleType::F32   ? e.f32()
                : format.d.type == ScaleType::F16 ? e.f16()
                                                  : Type(e.b.getBF16Type());
    unsigned bytes = packed * format.blockSize;
    Value weights =
        e.load(e.vectorOf(type, packed), e.at(tile, e.mul(wave.lane(), e.constant(bytes))), bytes);
    for (unsigned i = 0; i < packed; ++i) {
      Value weight = e.extendFloat(e.lane(weights, i), e.f32());
      for (size_t c = 0; c < rows.size(); ++c)
        acc[c] = e.fma(weight, activation(rows[c], k, i), acc[c]);
    }
  }

  /// f32 products with quantised weights: --exact.
  void multiplyExpanded(const QuantFormat &format, Value pointer, ValueRange rows, Value k,
                        Values &acc) {
    TileEmitter tile(e, kernel.target, format, pointer, wave.lane());
    for (unsigned j = 0; j < format.blockLen / 4; ++j) {
      Value quad = tile.quad(j);
      unsigned group = 4 * j / format.groupLen;
      for (unsigned byte = 0; byte < 4; ++byte) {
        Value code = e.bitAnd(e.shiftRight(quad, 8 * byte), 255);
        Value weight = e.mulF(tile.scale(group), unsignedToFloat(code));
        if (Value offset = tile.offset(group))
          weight = e.subF(weight, offset);
        for (size_t c = 0; c < rows.size(); ++c)
          acc[c] = e.fma(weight, activation(rows[c], k, 4 * j + byte), acc[c]);
      }
    }
  }
  /// v_cvt_f32_ubyte takes any byte of a dword.
  Value unsignedToFloat(Value v) { return arith::UIToFPOp::create(e.b, e.loc, e.f32(), v); }

  void multiplyBytes(const QuantFormat &format, const Piece &piece, ValueRange rows, Values &acc) {
    TileEmitter &tile = *piece.tile;
    Value k = piece.k;
    unsigned groupLen = std::min<unsigned>(format.groupLen, kActBlock);
    for (unsigned part = piece.first / groupLen; part < (piece.first + piece.count) / groupLen;
         ++part) {
      Values quads;
      for (unsigned j = 0; j < groupLen / 4; ++j)
        quads.push_back(tile.quad(part * groupLen / 4 + j));
      unsigned group = part * groupLen / format.groupLen;
      Value scale = tile.scale(group), offset = tile.offset(group);
      for (size_t c = 0; c < rows.size(); ++c) {
        Value codes = e.at(e.at(rows[c], k), part * groupLen);
        Value dot = e.zero(e.i32());
        Value bytes = e.load(e.vectorOf(e.i32(), groupLen / 4), codes, 16);
        for (unsigned j = 0; j < groupLen / 4; ++j) {
          Value four = e.lane(bytes, j);
          if (!activations->signedCodes) // q8_a's are biased by 128
            four = e.bitXor(four, static_cast<int32_t>(0x80808080u));
          dot = kernel.target.dotBytes(e, dot, quads[j], four);
        }
        // The record of these activations: d, sums of the halves, sum of all; see Formats.h.
        Value record = e.at(e.at(rows[c], length), e.divide(k, e.constant(kActBlock / 16)));
        unsigned inBlock = part * groupLen % kActBlock;
        record = e.at(record, part * groupLen / kActBlock * 16);
        Value d = e.load(e.f32(), record, 4);
        acc[c] = e.fma(e.mulF(scale, d), e.toFloat(dot, e.f32()), acc[c]);
        if (offset) {
          int64_t sum = groupLen == kActBlock ? 12 : 4 + inBlock / groupLen * 4;
          acc[c] = e.subF(acc[c], e.mulF(offset, e.load(e.f32(), e.at(record, sum), 4)));
        }
      }
    }
  }

  Emit &e;
  KernelContext &kernel;
  ElementEmitter elements;
  std::vector<LinearGroup> groups;
  Wave wave;
  Value input, firstToken, lastToken;
  const QuantFormat *activations = nullptr;
  bool integer = false; // activations are q8_a or q8_s
  Type inputType;       // else
  int64_t length = 0;   // K
  int64_t rowBytes = 0; // of activations
  Dim tokens;
  int64_t columns = 1; // tokens of a work group
};

} // namespace

void emitLaneTileContraction(Emit &e, KernelContext &kernel) {
  LaneTileContraction(e, kernel).emit();
}

} // namespace rosso

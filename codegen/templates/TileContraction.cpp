// matvec and matmul over weights in the tile layout: y[t, n] = sum over k of x[t, k] w[n, k].
//
// A lane is a row of the weight, so sums never cross lanes. A work item is one or two tiles of 16
// rows and a block of tokens whose activations stay in the second-level cache while one item after
// the other uses them. With one token, each tile is unpacked in registers and multiplied at once:
// weights stream from memory, everything else stays in the first-level cache. With many, a panel
// of 256 weights of these rows is unpacked into stack memory (16 KiB at most) and used for a block
// of tokens, then the next panel.
//
// The inner products are integer where x is q8_a, x = d*a with d and the sums d*sum(a) beside the
// codes a; otherwise they are f32. Dot instructions multiply unsigned by signed bytes. One token
// takes weights as unsigned bytes, w = s*byte - o, and makes its codes signed beforehand:
//   sum over a group of w*x  =  s * d * sum(byte*a)  -  o * d*sum(a)
// Many tokens take the codes as they are stored, unsigned with a bias of 128, and weights as signed
// bytes, w = s*byte - m; the bias goes once for all tokens, into what the sums start from:
//   sum over a group of w*x  =  s * d * (sum(byte*(a + 128)) - 128*sum(byte))  -  m * d*sum(a)
// and formats without a minimum have no second term.
#include "codegen/quant/TileEmitter.h"
#include "codegen/templates/Contraction.h"
#include "codegen/templates/Templates.h"
#include "ir/quant/Formats.h"

#include "llvm/Support/MathExtras.h"

#include <cstdint>

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kLanes = kTile16.rows;
constexpr int64_t kPanel = 256;            // weights of a row
constexpr int64_t kCacheBytes = 640 << 10; // activations that stay in the second-level cache
constexpr int64_t kPrefetchBytes = 4096;   // ahead
constexpr int64_t kActBlock = 32;          // activations with one scale

/// The parts of a kernel that depend on one linear: its formats and addresses.
struct Weights {
  const QuantFormat &format;
  TileLayout layout;
  Value pointer;
  int64_t blocks; // of a row

  Weights(const KernelContext &kernel, LinearOp linear)
      : format(formatOfWeight(linear)), layout(tileLayout(format, kTile16)),
        pointer(kernel.pointerOf(cast<BlockArgument>(linear.getWeight()))),
        blocks(shapeOf(linear.getWeight()).back().constant() / format.blockLen) {}

  static const QuantFormat &formatOfWeight(LinearOp linear) {
    Type element = tensorOf(linear.getWeight()).getElementType();
    const QuantFormat *format = formatOf(element);
    return format ? *format : *findFormat(name(*dtypeOf(element)));
  }

  /// Address of the tile of rows 16*tileRow.. at block column `block`.
  Value tile(Emit &e, Value tileRow, Value block) const {
    Value index = e.add(e.mul(tileRow, e.constant(blocks)), block);
    return e.at(pointer, e.mul(index, e.constant(layout.bytes)));
  }
};

class TileContraction {
public:
  TileContraction(Emit &e, KernelContext &kernel)
      : e(e), kernel(kernel), elements(e, kernel), groups(linearGroups(kernel.op)) {
    LinearOp first = groups.front().linears.front();
    input = kernel.pointerOf(cast<BlockArgument>(first.getSource()));
    Type element = tensorOf(first.getSource()).getElementType();
    integer = formatOf(element) != nullptr;
    inputType = integer ? Type() : element;
    length = shapeOf(first.getSource()).back().constant();
    tokens = tokenCount(first);
    single = tokens == Dim(1);
    tiles = single && !hasBlockedRoot() ? 1 : 2;
    tokenStep = 6;
    int64_t fitting = kCacheBytes / rowBytes() / tokenStep * tokenStep;
    tokenBlock = std::clamp<int64_t>(fitting, 4 * tokenStep, 20 * tokenStep);
    vector = e.vectorOf(e.f32(), kLanes);
  }

  void emit() {
    Dim total;
    for (const LinearGroup &group : groups)
      total = total + Dim(itemsOf(group));
    kernel.grid = {{.extent = total}};
    if (!single)
      kernel.grid.insert(kernel.grid.begin(), GridDim{.extent = tokens, .tile = tokenBlock});
    kernel.schedule =
        std::string(integer ? "int8" : "f32") + ", rows " + std::to_string(tiles * kLanes) +
        (single ? ""
                : ", tokens " + std::to_string(tokenStep) + " of " + std::to_string(tokenBlock));
    if (single && integer)
      makeSignedCodes();
    e.loop(kernel.begin, kernel.end, 1, [&](Value item) {
      ElementEmitter::Scope scope(elements);
      Value tile = e.remainder(item, e.constant(total.constant()));
      Value firstToken =
          e.mul(e.divide(item, e.constant(total.constant())), e.constant(tokenBlock));
      int64_t first = 0;
      for (const LinearGroup &group : groups) {
        int64_t last = first + itemsOf(group);
        Value inside =
            e.bitAnd(e.less(e.constant(first - 1), tile), e.less(tile, e.constant(last)));
        e.ifThen(inside, [&] {
          ElementEmitter::Scope groupScope(elements);
          Value tileRow = e.mul(e.sub(tile, e.constant(first)), e.constant(tiles));
          single ? oneToken(group, tileRow) : manyTokens(group, tileRow, firstToken);
        });
        first = last;
      }
    });
  }

private:
  int64_t itemsOf(const LinearGroup &group) const {
    return (group.rows + tiles * kLanes - 1) / (tiles * kLanes);
  }
  bool hasBlockedRoot() const {
    for (unsigned i = 0; i < kernel.op->getNumResults(); ++i)
      if (Root(kernel, i).isBlocked())
        return true;
    return false;
  }

  Value broadcastF(Value pointer) { return e.splat(e.load(e.f32(), pointer, 4), kLanes); }
  int64_t rowBytes() const {
    return integer ? length + length / kActBlock * 16
                   : length * inputType.getIntOrFloatBitWidth() / 8;
  }
  /// x[t, k] of dense activations in all lanes.
  Value activation(Value row, Value k) {
    Value value = loadElement(e, inputType, row, k);
    return e.splat(e.extendFloat(value, e.f32()), kLanes);
  }
  /// The tile row of tile `r` of an item; of rows that do not exist the last that does.
  Value clampTile(const LinearGroup &group, Value tileRow, int64_t r) {
    Value at = e.add(tileRow, e.constant(r));
    int64_t last = (group.rows + kLanes - 1) / kLanes - 1;
    return (last + 1) % tiles ? e.minimum(at, e.constant(last)) : at;
  }

  //===-- one token --------------------------------------------------------------------------===//

  void oneToken(const LinearGroup &group, Value tileRow) {
    SumTile sums;
    sums.firstToken = e.constant(0);
    sums.tokens = e.constant(1);
    sums.firstRow = e.mul(tileRow, e.constant(kLanes));
    sums.rows = tiles * kLanes;
    for (LinearOp linear : group.linears) {
      sums.sums.push_back(e.stack(tiles * kLanes * 4));
      Weights w(kernel, linear);
      for (int64_t r = 0; r < tiles; ++r) {
        Value row = clampTile(group, tileRow, r);
        Value sum = integer              ? dotRow(w, row)
                    : w.format.isFloat() ? dotFloats(w, row)
                                         : expandRow(w, row);
        e.store(sum, e.at(sums.sums.back(), r * kLanes * 4), 64);
      }
    }
    storeResults(elements, group, sums);
  }

  void makeSignedCodes() {
    signedCodes = e.stack(length);
    constexpr int64_t kStep = 32;
    Type type = e.vectorOf(e.i8(), kStep);
    e.loop(e.constant(0), e.constant(length), kStep, [&](Value k) {
      e.store(e.bitXor(e.load(type, e.at(input, k)), -128), e.at(signedCodes, k), kStep);
    });
  }

  /// Integer products of a row tile with the only token.
  Value dotRow(const Weights &w, Value tileRow) {
    return e.loop(e.constant(0), e.constant(w.blocks), 1, e.zero(vector),
                  [&](Value block, ValueRange carried) -> Values {
                    Value pointer = w.tile(e, tileRow, block);
                    TileEmitter tile(e, kernel.target, w.format, pointer);
                    Value acc = carried[0];
                    const unsigned parts = w.format.blockLen / kActBlock;
                    for (unsigned a = 0; a < parts; ++a) {
                      prefetch(pointer, w.layout.bytes * a / parts,
                               w.layout.bytes * (a + 1) / parts);
                      Value at = e.add(e.mul(block, e.constant(parts)), e.constant(a));
                      acc = dotActBlock(w.format, at, acc, tile, a);
                    }
                    return {acc};
                  })[0];
  }

  /// Asks for the lines that begin in bytes [begin, end) of a tile, `kPrefetchBytes` ahead. Tiles
  /// are read one after the other, over the ends of rows: the hardware's own prefetching stops at
  /// pages, and a core cannot look far enough ahead through the unpacking. A few lines at a time
  /// between the products, as a core has room for few unanswered ones.
  void prefetch(Value tile, unsigned begin, unsigned end) {
    constexpr unsigned kLine = 64;
    for (unsigned offset = llvm::alignTo(begin, kLine); offset < end; offset += kLine)
      kernel.target.prefetch(e, e.at(tile, kPrefetchBytes + offset));
  }

  Value dotActBlock(const QuantFormat &format, Value at, Value acc, TileEmitter &tile, unsigned a) {
    Value codes = e.at(signedCodes, e.mul(at, e.constant(kActBlock)));
    Value record = e.at(e.at(input, length), e.mul(at, e.constant(16)));
    Value d = broadcastF(record);
    unsigned groupLen = std::min<unsigned>(format.groupLen, kActBlock);
    for (unsigned part = 0; part < kActBlock / groupLen; ++part) {
      unsigned group = (a * kActBlock + part * groupLen) / format.groupLen;
      Value dot = e.zero(e.vectorOf(e.i32(), kLanes));
      for (unsigned j = 0; j < groupLen / 4; ++j) {
        unsigned quad = part * groupLen / 4 + j;
        Value four = e.splat(e.load(e.i32(), e.at(codes, quad * 4), 4), kLanes);
        dot = kernel.target.dotBytes(e, dot, tile.quad(a * kActBlock / 4 + quad), four);
      }
      acc = e.fma(e.mulF(tile.scale(group), d), e.toFloat(dot, e.f32()), acc);
      if (Value offset = tile.offset(group))
        acc = e.subF(acc, e.mulF(offset, broadcastF(e.at(record, sumOffset(groupLen, part)))));
    }
    return acc;
  }
  /// Where in a record of activations the sum over a group of `groupLen` codes stands.
  static int64_t sumOffset(unsigned groupLen, unsigned part) {
    return groupLen == kActBlock ? 12 : 4 + 4 * part;
  }

  /// f32 products with quantised weights: --exact.
  Value expandRow(const Weights &w, Value tileRow) {
    return e.loop(e.constant(0), e.constant(w.blocks), 1, e.zero(vector),
                  [&](Value block, ValueRange carried) -> Values {
                    Value acc = carried[0];
                    Value k = e.mul(block, e.constant(w.format.blockLen));
                    expandTile(w, w.tile(e, tileRow, block), [&](unsigned i, Value weight) {
                      acc = e.fma(weight, activation(input, e.add(k, e.constant(i))), acc);
                    });
                    return {acc};
                  })[0];
  }

  /// f32 products with float weights, several sums at once to keep the multipliers busy.
  Value dotFloats(const Weights &w, Value tileRow) {
    constexpr int64_t kSums = 4;
    Value tile = w.tile(e, tileRow, e.constant(0));
    auto weight = [&](Value k) {
      return emitScaleLoad(e, w.format.d.type, e.at(tile, e.mul(k, e.constant(w.layout.bytes))),
                           kLanes);
    };
    int64_t whole = length / kSums * kSums;
    Values sums = e.loop(e.constant(0), e.constant(whole), kSums, Values(kSums, e.zero(vector)),
                         [&](Value k, ValueRange carried) {
                           Values next;
                           for (int64_t i = 0; i < kSums; ++i) {
                             Value at = e.add(k, e.constant(i));
                             next.push_back(e.fma(weight(at), activation(input, at), carried[i]));
                           }
                           return next;
                         });
    for (int64_t k = whole; k < length; ++k)
      sums[0] = e.fma(weight(e.constant(k)), activation(input, e.constant(k)), sums[0]);
    return e.addF(e.addF(sums[0], sums[1]), e.addF(sums[2], sums[3]));
  }

  /// Calls back with each weight of a tile's block, in all 16 rows.
  void expandTile(const Weights &w, Value pointer,
                  const std::function<void(unsigned, Value)> &use) {
    TileEmitter tile(e, kernel.target, w.format, pointer);
    for (unsigned j = 0; j < w.format.blockLen / 4; ++j) {
      Value quad = tile.quad(j);
      unsigned group = 4 * j / w.format.groupLen;
      for (unsigned byte = 0; byte < 4; ++byte) {
        Value code = e.shiftRight(quad, 8 * byte);
        if (byte < 3)
          code = e.bitAnd(code, 255);
        Value weight = e.mulF(tile.scale(group), e.toFloat(code, e.f32()));
        if (Value offset = tile.offset(group))
          weight = e.subF(weight, offset);
        use(4 * j + byte, weight);
      }
    }
  }

  //===-- many tokens ------------------------------------------------------------------------===//

  void manyTokens(const LinearGroup &group, Value tileRow, Value firstToken) {
    SumTile sums;
    sums.firstRow = e.mul(tileRow, e.constant(kLanes));
    sums.rows = tiles * kLanes;
    sums.firstToken = firstToken;
    Value left = e.sub(kernel.extent(e, tokens), firstToken);
    sums.tokens = e.minimum(left, e.constant(tokenBlock));
    for (LinearOp linear : group.linears) {
      sums.sums.push_back(e.stack(tokenBlock * tiles * kLanes * 4));
      contract(group, Weights(kernel, linear), tileRow, firstToken, sums.tokens, sums.sums.back());
    }
    storeResults(elements, group, sums);
  }

  /// sums[t][rows] = x w^T for the tokens of a block.
  void contract(const LinearGroup &group, const Weights &w, Value tileRow, Value firstToken,
                Value tokenNumber, Value sums) {
    e.loop(e.constant(0), e.mul(tokenNumber, e.constant(tiles)), 1, [&](Value i) {
      e.store(e.zero(vector), e.at(sums, e.mul(i, e.constant(kLanes * 4))), 64);
    });
    int64_t panelBlocks = kPanel / w.format.blockLen;
    if (!panelWeights) {
      panelWeights = e.stack(kPanel * tiles * kLanes * 4); // f32, or quads a quarter as many
      panelScales = e.stack(kPanel / 16 * tiles * kLanes * 4);
      panelMinima = e.stack(kPanel / 16 * tiles * kLanes * 4);
      panelStarts = e.stack(kPanel / 16 * tiles * kLanes * 4);
    }
    e.loop(e.constant(0), e.constant(w.blocks), panelBlocks, [&](Value block) {
      Value blocks = e.minimum(e.sub(e.constant(w.blocks), block), e.constant(panelBlocks));
      for (int64_t r = 0; r < tiles; ++r) {
        Value row = clampTile(group, tileRow, r);
        e.loop(e.constant(0), blocks, 1,
               [&](Value i) { unpack(w, w.tile(e, row, e.add(block, i)), i, r); });
      }
      Value k = e.mul(block, e.constant(w.format.blockLen));
      Value whole = e.mul(e.divide(tokenNumber, e.constant(tokenStep)), e.constant(tokenStep));
      e.loop(e.constant(0), whole, tokenStep, [&](Value token) {
        multiply(w.format, firstToken, token, tokenStep, k, blocks, sums);
      });
      e.loop(whole, tokenNumber, 1,
             [&](Value token) { multiply(w.format, firstToken, token, 1, k, blocks, sums); });
    });
  }

  /// Where element `index` (a quad, a group, a weight) of tile `r` lies in a panel's array.
  Value panelAt(Value array, Value index, int64_t r) {
    return e.at(array,
                e.add(e.mul(index, e.constant(tiles * kLanes * 4)), e.constant(r * kLanes * 4)));
  }

  /// Block `i` of the panel, tile `r`: as quads with scales and offsets, or as f32 weights.
  void unpack(const Weights &w, Value pointer, Value i, int64_t r) {
    const QuantFormat &f = w.format;
    Value firstWeight = e.mul(i, e.constant(f.blockLen));
    if (f.isFloat()) {
      e.store(emitScaleLoad(e, f.d.type, pointer, kLanes), panelAt(panelWeights, firstWeight, r),
              64);
      return;
    }
    if (!integer) {
      expandTile(w, pointer, [&](unsigned k, Value weight) {
        e.store(weight, panelAt(panelWeights, e.add(firstWeight, e.constant(k)), r), 64);
      });
      return;
    }
    TileEmitter tile(e, kernel.target, f, pointer);
    Value firstQuad = e.mul(i, e.constant(f.blockLen / 4));
    // A group of the panel lies within a block of activations; longer ones are cut.
    const unsigned groupLen = std::min<unsigned>(f.groupLen, kActBlock), quads = groupLen / 4;
    const unsigned groupsOfBlock = f.blockLen / groupLen;
    Value firstGroup = e.mul(i, e.constant(groupsOfBlock));
    Type integers = e.vectorOf(e.i32(), kLanes);
    Value biases = e.constant(integers, 0x80808080ll);
    for (unsigned g = 0; g < groupsOfBlock; ++g) {
      const unsigned whole = g * groupLen / f.groupLen;
      Value biasSum = e.zero(integers);
      for (unsigned j = g * quads; j < (g + 1) * quads; ++j) {
        Value quad = tile.signedQuad(j);
        biasSum = kernel.target.dotBytes(e, biasSum, biases, quad);
        e.store(quad, panelAt(panelWeights, e.add(firstQuad, e.constant(j)), r), 64);
      }
      Value at = e.add(firstGroup, e.constant(g));
      e.store(e.sub(e.zero(integers), biasSum), panelAt(panelStarts, at, r), 64);
      e.store(tile.scale(whole), panelAt(panelScales, at, r), 64);
      if (Value minimum = tile.minimum(whole))
        e.store(minimum, panelAt(panelMinima, at, r), 64);
    }
  }

  /// Adds a panel's products to the sums of `count` tokens from `token` on.
  void multiply(const QuantFormat &format, Value firstToken, Value token, int64_t count, Value k,
                Value blocks, Value sums) {
    auto sumAt = [&](int64_t t, int64_t r) {
      Value index = e.add(token, e.constant(t));
      return panelAt(sums, index, r);
    };
    std::vector<Value> rows; // of activations
    for (int64_t t = 0; t < count; ++t) {
      Value index = e.add(e.add(firstToken, token), e.constant(t));
      rows.push_back(e.at(input, e.mul(index, e.constant(rowBytes()))));
    }
    Values acc;
    for (int64_t t = 0; t < count; ++t)
      for (int64_t r = 0; r < tiles; ++r)
        acc.push_back(e.load(vector, sumAt(t, r), 64));
    acc = integer ? multiplyBytes(format, rows, k, blocks, acc)
                  : multiplyFloats(format, rows, k, blocks, acc);
    for (int64_t t = 0; t < count; ++t)
      for (int64_t r = 0; r < tiles; ++r)
        e.store(acc[t * tiles + r], sumAt(t, r), 64);
  }

  Values multiplyBytes(const QuantFormat &format, ArrayRef<Value> rows, Value k, Value blocks,
                       Values acc) {
    Value actBlocks = e.divide(e.mul(blocks, e.constant(format.blockLen)), e.constant(kActBlock));
    bool hasMinimum = format.dmin.type != ScaleType::None;
    unsigned groupLen = std::min<unsigned>(format.groupLen, kActBlock);
    return e.loop(e.constant(0), actBlocks, 1, acc, [&](Value a, ValueRange carried) {
      Values sums(carried);
      Value at = e.add(k, e.mul(a, e.constant(kActBlock)));
      for (unsigned part = 0; part < kActBlock / groupLen; ++part) {
        // The group, and the quads of this part of the panel.
        Value weight = e.add(e.mul(a, e.constant(kActBlock)), e.constant(part * groupLen));
        Value group = e.divide(weight, e.constant(groupLen));
        Value firstQuad = e.divide(weight, e.constant(4));
        Values dots;
        for (size_t t = 0; t < rows.size(); ++t)
          for (int64_t r = 0; r < tiles; ++r)
            dots.push_back(e.load(e.vectorOf(e.i32(), kLanes), panelAt(panelStarts, group, r), 64));
        for (unsigned j = 0; j < groupLen / 4; ++j) {
          Values quads;
          for (int64_t r = 0; r < tiles; ++r)
            quads.push_back(e.load(e.vectorOf(e.i32(), kLanes),
                                   panelAt(panelWeights, e.add(firstQuad, e.constant(j)), r), 64));
          for (size_t t = 0; t < rows.size(); ++t) {
            Value codes = e.at(e.at(rows[t], at), part * groupLen + j * 4);
            Value four = e.splat(e.load(e.i32(), codes, 4), kLanes);
            for (int64_t r = 0; r < tiles; ++r) {
              Value &dot = dots[t * tiles + r];
              dot = kernel.target.dotBytes(e, dot, four, quads[r]);
            }
          }
        }
        for (size_t t = 0; t < rows.size(); ++t) {
          Value record = e.at(e.at(rows[t], length), e.divide(at, e.constant(kActBlock / 16)));
          Value d = broadcastF(record);
          Value sum = hasMinimum ? broadcastF(e.at(record, sumOffset(groupLen, part))) : Value();
          for (int64_t r = 0; r < tiles; ++r) {
            Value &acc = sums[t * tiles + r];
            Value scale = e.load(vector, panelAt(panelScales, group, r), 64);
            acc = e.fma(e.mulF(e.toFloat(dots[t * tiles + r], e.f32()), d), scale, acc);
            if (hasMinimum) {
              Value minimum = e.load(vector, panelAt(panelMinima, group, r), 64);
              acc = e.subF(acc, e.mulF(minimum, sum));
            }
          }
        }
      }
      return sums;
    });
  }

  Values multiplyFloats(const QuantFormat &format, ArrayRef<Value> rows, Value k, Value blocks,
                        Values acc) {
    Value weights = e.mul(blocks, e.constant(format.blockLen));
    return e.loop(e.constant(0), weights, 1, acc, [&](Value i, ValueRange carried) {
      Values sums(carried);
      Value at = e.add(k, i);
      Values columns;
      for (int64_t r = 0; r < tiles; ++r)
        columns.push_back(e.load(vector, panelAt(panelWeights, i, r), 64));
      for (size_t t = 0; t < rows.size(); ++t) {
        Value x = activation(rows[t], at);
        for (int64_t r = 0; r < tiles; ++r)
          sums[t * tiles + r] = e.fma(columns[r], x, sums[t * tiles + r]);
      }
      return sums;
    });
  }

  Emit &e;
  KernelContext &kernel;
  ElementEmitter elements;
  std::vector<LinearGroup> groups;
  Value input;
  bool integer = false; // activations are q8_a
  Type inputType;       // else
  int64_t length = 0;   // K
  Dim tokens;
  bool single = false;    // one token
  int64_t tiles = 1;      // of 16 rows in an item
  int64_t tokenStep = 1;  // that share a load of weights
  int64_t tokenBlock = 1; // of an item
  Type vector;
  Value signedCodes; // of the only token, in stack memory
  Value panelWeights, panelScales, panelMinima, panelStarts;
};

} // namespace

void emitTileContraction(Emit &e, KernelContext &kernel) { TileContraction(e, kernel).emit(); }

} // namespace rosso

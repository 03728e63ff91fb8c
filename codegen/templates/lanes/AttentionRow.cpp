// attention on a GPU, whatever the op allows: a work group computes one query row.
//
// Each wave takes 32 positions at a time, every lane the score of one of them; the wave turns its
// scores into weights and adds the weighted values, lanes now along the row. The largest score so
// far scales everything (Milakov and Gimelshein 2018). Waves have sums of their own, which meet in
// shared memory at the end. All arithmetic is f32.
#include "codegen/quant/TileEmitter.h"
#include "codegen/templates/CacheReader.h"
#include "codegen/templates/lanes/Attention.h"
#include "codegen/templates/lanes/CacheFragments.h"

#include <algorithm>
#include <numeric>

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kMostWaves = 8;
constexpr int64_t kMostWidth = 256; // of a value row that a work group sums
constexpr int64_t kUnroll = 8;      // value rows in flight

class LaneAttentionRow {
public:
  LaneAttentionRow(Emit &emit, KernelContext &context)
      : e(emit), kernel(context), facts(context), op(facts.op),
        wave(emit, context, kWaveLanes * wavesFor()), elements(emit, context),
        vectorLanes(std::gcd(facts.keyWidth, int64_t{8})),
        keys(emit, context, op.getKey(), vectorLanes), values(emit, context, op.getValue(), 1) {
    keyFormat = formatOf(tensorOf(op.getKey()).getElementType());
    width = std::min(facts.valueWidth, kMostWidth);
    parts = (facts.valueWidth + width - 1) / width;
    sumCount = (width + kWaveLanes - 1) / kWaveLanes;
    kernel.grid = {{.extent = facts.heads}, {.extent = facts.tokens}, {.extent = parts}};
    kernel.schedule = "rows 1, waves " + std::to_string(wave.waves());
  }

  void emit() {
    Value tokens = kernel.extent(e, facts.tokens), length = kernel.extent(e, facts.length);
    Value item = e.divide(wave.group(), e.constant(parts));
    firstElement = e.mul(e.remainder(wave.group(), e.constant(parts)), e.constant(width));
    head = e.divide(item, tokens);
    token = e.remainder(item, tokens);
    kvHead = e.divide(head, e.constant(facts.headsPerKv));
    visible = length;
    if (op.getCausal())
      visible = e.add(e.sub(length, tokens), e.add(token, e.constant(1)));
    query = e.at(constantMemory(e, kernel.pointerOf(cast<BlockArgument>(op.getQuery()))),
                 e.mul(item, e.constant(facts.keyWidth * 4)));

    // Carried: the largest score, this lane's sum of weights, the weighted sums of values.
    Values start{e.constantFloat(e.f32(), -INFINITY), e.zero(e.f32())};
    start.append(static_cast<size_t>(sumCount), e.zero(e.f32()));
    Value begin = e.mul(wave.number(), e.constant(kWaveLanes));
    finish(e.loop(begin, visible, wave.threads(), start,
                  [&](Value first, ValueRange carried) { return step(first, carried); }));
  }

private:
  int64_t wavesFor() const {
    int64_t longest = facts.length.max(kernel.vars), waves = 1;
    while (waves < kMostWaves && waves * kWaveLanes < longest)
      waves *= 2;
    return waves;
  }

  /// Of positions nobody sees, the last that is seen.
  Value inside(Value position) { return e.minimum(position, e.sub(visible, e.constant(1))); }

  Values step(Value first, ValueRange carried) {
    ElementEmitter::Scope scope(elements);
    Value position = e.add(first, wave.lane());
    Value score = keyFormat ? dotCodes(keys.rowOffset(kvHead, inside(position)))
                            : dot(keys.row(kvHead, inside(position)));
    score = e.mulF(score, e.constantFloat(e.f32(), op.getScale().convertToDouble()));
    if (Value mask = op.getMask()) {
      Values index{token, inside(position)};
      if (shapeOf(mask).size() == 3)
        index.insert(index.begin(), head);
      score = e.addF(score, e.extendFloat(elements.element(mask, index), e.f32()));
    }
    score = e.select(e.less(position, visible), score, e.constantFloat(e.f32(), -INFINITY));

    auto larger = [&](Value a, Value b) -> Value {
      return arith::MaxNumFOp::create(e.b, e.loc, a, b);
    };
    // Rows with nothing to see yet must not make infinity minus infinity.
    Value floor = larger(carried[0], e.constantFloat(e.f32(), -1e30));
    Value maximum = larger(wave.reduce(score, larger), floor);
    Value rescale = e.exp(e.subF(carried[0], maximum));
    Value weight = e.exp(e.subF(score, maximum));
    Values next{maximum, e.fma(carried[1], rescale, weight)};
    Values sums;
    for (int64_t j = 0; j < sumCount; ++j)
      sums.push_back(e.mulF(carried[static_cast<size_t>(2 + j)], rescale));
    next.append(addValues(first, weight, sums));
    return next;
  }

  /// The product of the query with the key row at `row`, a row for each lane.
  Value dot(Value row) {
    int64_t stretch = std::gcd(facts.keyWidth, int64_t{32}); // elements of an iteration
    int64_t stretchBytes = keys.rowBytes() / (facts.keyWidth / stretch);
    return e.loop(e.constant(0), e.constant(facts.keyWidth / stretch), 1, e.zero(e.f32()),
                  [&](Value i, ValueRange carried) -> Values {
                    Value sum = carried[0];
                    Value x = e.load(e.vectorOf(e.f32(), stretch),
                                     e.at(query, e.mul(i, e.constant(stretch * 4))), 4);
                    Value part = e.at(row, e.mul(i, e.constant(stretchBytes)));
                    for (int64_t j = 0; j < stretch / vectorLanes; ++j) {
                      Value four = keys.vector(part, j);
                      for (int64_t l = 0; l < vectorLanes; ++l)
                        sum = e.fma(e.lane(x, j * vectorLanes + l), e.lane(four, l), sum);
                    }
                    return {sum};
                  })[0];
  }

  /// The same with a row of int8 blocks at a byte offset from the first.
  Value dotCodes(Value row) {
    assert(keyFormat->codeBits == 8 && keyFormat->signedCodes && keyFormat->blockLen == 32);
    Value pointer = keys.base();
    int64_t blockLen = keyFormat->blockLen;
    return e.loop(e.constant(0), e.constant(facts.keyWidth / blockLen), 1, e.zero(e.f32()),
                  [&](Value i, ValueRange carried) -> Values {
                    Value x = e.load(e.vectorOf(e.f32(), blockLen),
                                     e.at(query, e.mul(i, e.constant(blockLen * 4))), 4);
                    Value block = e.add(row, e.mul(i, e.constant(keyFormat->blockSize)));
                    Value codes = e.add(block, e.constant(keyFormat->codes[0].offset)),
                          sum = e.zero(e.f32());
                    int64_t element = 0;
                    for (Value word : loadCodes(e, pointer, codes, blockLen))
                      for (int64_t byte = 0; byte < 4; ++byte) {
                        Value code = e.shiftRightSigned(e.shiftLeft(word, 24 - 8 * byte), 24);
                        sum = e.fma(e.lane(x, element++), e.toFloat(code, e.f32()), sum);
                      }
                    Value scale = e.at(e.at(pointer, block), keyFormat->d.offset);
                    return {e.fma(emitScaleLoad(e, keyFormat->d.type, scale, 1), sum, carried[0])};
                  })[0];
  }

  /// sums += weights * value rows, for the wave's 32 positions from `first` on.
  Values addValues(Value first, Value weight, ValueRange sums) {
    Value count = e.minimum(e.sub(visible, first), e.constant(kWaveLanes));
    return e.loop(e.constant(0), count, kUnroll, sums, [&](Value from, ValueRange carried) {
      Values next(carried);
      for (int64_t u = 0; u < kUnroll; ++u) {
        Value i = e.add(from, e.constant(u));
        Value one = e.intrinsic(e.f32(), "llvm.amdgcn.readlane", {weight, i});
        Value row = values.row(kvHead, inside(e.add(first, i)));
        for (int64_t j = 0; j < sumCount; ++j)
          next[static_cast<size_t>(j)] =
              e.fma(one, values.element(row, elementAt(j)), next[static_cast<size_t>(j)]);
      }
      return next;
    });
  }

  /// The element of a value row that this lane's sum `j` is of; the last for lanes beyond the end.
  Value elementAt(int64_t j) {
    Value i = e.add(e.add(firstElement, e.constant(j * kWaveLanes)), wave.lane());
    if (facts.valueWidth % kWaveLanes != 0 || parts * width != facts.valueWidth)
      i = e.minimum(i, e.constant(facts.valueWidth - 1));
    return i;
  }

  void finish(const Values &end) {
    auto add = [&](Value a, Value b) { return e.addF(a, b); };
    Value total = wave.reduce(end[1], add);
    int64_t waves = wave.waves();
    // f32 [wave][sums of all lanes, then the largest score and the total]
    int64_t rowBytes = (sumCount * kWaveLanes + 2) * 4;
    Value shared = wave.shared(waves * rowBytes);
    Value mine = e.at(shared, e.mul(wave.number(), e.constant(rowBytes)));
    for (int64_t j = 0; j < sumCount; ++j)
      storeElement(e, e.f32(), end[static_cast<size_t>(2 + j)], e.at(mine, j * kWaveLanes * 4),
                   wave.lane());
    Value facts2 = e.at(mine, sumCount * kWaveLanes * 4);
    e.ifThen(e.equal(wave.lane(), e.constant(0)), [&] {
      e.store(end[0], facts2, 4);
      e.store(total, e.at(facts2, 4), 4);
    });
    wave.barrier();

    auto at = [&](int64_t w, int64_t byte) { return e.at(shared, w * rowBytes + byte); };
    int64_t record = sumCount * kWaveLanes * 4;
    Value largest;
    Values maxima, shares;
    for (int64_t w = 0; w < waves; ++w) {
      maxima.push_back(e.load(e.f32(), at(w, record), 4));
      largest = largest ? Value(arith::MaxNumFOp::create(e.b, e.loc, largest, maxima.back()))
                        : maxima.back();
    }
    Value sum = e.zero(e.f32());
    for (int64_t w = 0; w < waves; ++w) {
      // A wave without positions has nothing, and minus infinity for its largest score.
      shares.push_back(e.exp(e.subF(maxima[static_cast<size_t>(w)], largest)));
      sum = e.fma(shares.back(), e.load(e.f32(), at(w, record + 4), 4), sum);
    }
    Value inverse = e.divF(e.constantFloat(e.f32(), 1), sum);
    AttentionStore store(e, kernel, wave, facts);
    Value elements32 = e.constant(sumCount * kWaveLanes);
    e.loop(wave.thread(), elements32, wave.threads(), [&](Value i) {
      Value x = e.zero(e.f32());
      for (int64_t w = 0; w < waves; ++w)
        x = e.fma(shares[static_cast<size_t>(w)], loadElement(e, e.f32(), at(w, 0), i), x);
      x = e.mulF(x, inverse);
      Value element = e.add(firstElement, i);
      auto put = [&] { store(head, token, element, x); };
      if (facts.valueWidth % kWaveLanes == 0 && parts * width == facts.valueWidth)
        put();
      else
        e.ifThen(e.less(element, e.constant(facts.valueWidth)), put);
    });
  }

  Emit &e;
  KernelContext &kernel;
  AttentionFacts facts;
  AttentionOp op;
  Wave wave;
  ElementEmitter elements;
  int64_t vectorLanes;
  CacheReader keys, values;
  const QuantFormat *keyFormat; // null for floats
  int64_t width, parts;         // of the value row, this work group's part and their number
  int64_t sumCount;             // of a lane
  Value firstElement, head, token, kvHead, visible, query;
};

} // namespace

void emitLaneAttentionRow(Emit &e, KernelContext &kernel) { LaneAttentionRow(e, kernel).emit(); }

} // namespace rosso

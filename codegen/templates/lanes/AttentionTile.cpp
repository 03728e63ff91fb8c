// attention of many tokens on a GPU: prefill.
//
// The query heads that share a key/value head are one long column of rows, token by token; a work
// group takes kRows of a wave's for each of its waves. Keys and values come through shared memory,
// 64 positions at a time, as f16; a wave multiplies 32 of them with its queries, which stay in
// registers. Both products are transposed, as in AttentionSplit.cpp: a query row is a column, so
// that the scores of a row lie in one pair of lanes.
//
//   scores^T [positions, 16 rows] = keys [positions, d]   queries^T [d, 16 rows]
//   sums^T   [d, 16 rows]        += values^T [d, positions] weights^T [positions, 16 rows]
//
// Queries and weights are rounded to f16, sums are f32. Positions that no row of the group sees are
// left out; those that only some see are masked.
//
// Shared memory: keys f16 [64][d + 8]; values f16 [d][64 + 8], element e of part c (eight elements)
// in row e * (d / 8) + c. At the end sums f32 [wave][8 rows][d + 4], in the same order.
#include "codegen/templates/lanes/Attention.h"
#include "codegen/templates/lanes/CacheFragments.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <algorithm>

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kSide = 16;       // of matrices, and the query rows of a wave
constexpr int64_t kPositions = 64;  // in shared memory
constexpr int64_t kStep = 32;       // positions of a wave's step
constexpr int64_t kPart = 8;        // elements of a load
constexpr int64_t kPadding = 16;    // bytes: rows begin in different banks
constexpr int64_t kStored = 8;      // rows of a wave that are stored at a time
constexpr int64_t kMostWidth = 128; // of a head, for the registers' sake
constexpr double kLowest = -1e30;   // instead of minus infinity, which has no difference
constexpr double kWeightBits = 14;  // weights are below 2^14: f16 has few small numbers

class LaneAttentionTile {
public:
  LaneAttentionTile(Emit &emit, KernelContext &context)
      : e(emit), kernel(context), facts(context), lanes(context.target.matrixLanes()),
        wave(emit, context, kWaveLanes * wavesFor()), keys(emit, context, wave, facts.op.getKey()),
        values(emit, context, wave, facts.op.getValue()), result(emit, context, wave, facts) {
    groupRows = wave.waves() * kSide;
    Dim rows = facts.tokens * facts.headsPerKv;
    kernel.grid = {{.extent = facts.kvHeads}, {.extent = rows, .tile = groupRows}};
    kernel.schedule =
        "rows " + std::to_string(groupRows) + ", positions " + std::to_string(kPositions);
    vector = e.vectorOf(e.f32(), 8);
    column = e.bitAnd(wave.lane(), kSide - 1);
    half = e.shiftRight(wave.lane(), 4);
    keyPitch = facts.keyWidth * 2 + kPadding;
    valuePitch = kPositions * 2 + kPadding;
    sumPitch = facts.valueWidth * 4 + kPadding;
    int64_t keyBytes = kPositions * keyPitch;
    keyTile = wave.shared(
        std::max(keyBytes + facts.valueWidth * valuePitch, wave.waves() * kStored * sumPitch));
    valueTile = e.at(keyTile, keyBytes);
    total = kernel.extent(e, rows);
    length = kernel.extent(e, facts.length);
    past = e.sub(length, kernel.extent(e, facts.tokens));
  }

  void emit() {
    Value tiles = e.ceilDivide(total, groupRows), one = e.constant(1);
    kvHead = e.divide(wave.group(), tiles);
    Value groupFirst = e.mul(e.remainder(wave.group(), tiles), e.constant(groupRows));
    first = e.add(groupFirst, e.mul(wave.number(), e.constant(kSide)));
    Value last = e.sub(total, one);
    Value end = visible(e.minimum(e.add(groupFirst, e.constant(groupRows - 1)), last));
    // Of this wave: nothing where it has no rows; positions that some and that all rows see.
    Value some = visible(e.minimum(e.add(first, e.constant(kSide - 1)), last));
    some = e.select(e.less(first, total), some, e.constant(0));
    all = visible(e.minimum(first, last));
    Value row = e.minimum(e.add(first, column), last);
    seen = visible(row);
    keys.setHead(kvHead);
    values.setHead(kvHead);
    loadQueries(row);

    // Carried: a row's largest score, this lane's sum of its weights, the sums of values.
    Values start{e.constantFloat(e.f32(), kLowest), e.zero(e.f32())};
    start.append(static_cast<size_t>(facts.valueWidth / kSide), e.zero(vector));
    Values done =
        e.loop(e.constant(0), end, kPositions, start, [&](Value from, ValueRange carried) {
          stage(from, e.sub(end, one));
          wave.barrier();
          Values state(carried);
          for (int64_t step = 0; step < kPositions; step += kStep) {
            Value begin = e.add(from, e.constant(step));
            state =
                choose(e, e.less(begin, some), state, [&] { return attend(begin, step, state); });
          }
          wave.barrier();
          return state;
        });
    store(done);
  }

private:
  int64_t wavesFor() const { return facts.tokens.max(kernel.vars) * facts.headsPerKv > 64 ? 8 : 4; }
  /// How many positions a row sees.
  Value visible(Value row) {
    if (!facts.op.getCausal())
      return length;
    return e.add(past, e.add(tokenOf(row), e.constant(1)));
  }
  Value tokenOf(Value row) { return e.divide(row, e.constant(facts.headsPerKv)); }
  Value headOf(Value row) {
    Value inGroup = e.remainder(row, e.constant(facts.headsPerKv));
    return e.add(e.mul(kvHead, e.constant(facts.headsPerKv)), inGroup);
  }
  Value larger(Value a, Value b) { return arith::MaxNumFOp::create(e.b, e.loc, a, b); }
  Value exp2(Value x) { return e.intrinsic(e.f32(), "llvm.amdgcn.exp2", {x}); }

  /// Matrices B: this lane's column is query row `row`.
  void loadQueries(Value row) {
    Value tokens = kernel.extent(e, facts.tokens);
    Value index = e.add(e.mul(headOf(row), tokens), tokenOf(row));
    Value source = e.at(kernel.pointerOf(cast<BlockArgument>(facts.op.getQuery())),
                        e.mul(index, e.constant(facts.keyWidth * 4)));
    source = e.at(source, e.mul(half, e.constant(lanes.upperK * 4)));
    // exp(x) = exp2(x log2 e)
    double scale = facts.op.getScale().convertToDouble() * 1.44269504088896340736;
    Type floats = e.vectorOf(e.f32(), lanes.halves), halves = e.vectorOf(e.f16(), lanes.halves);
    for (int64_t i = 0; i < facts.keyWidth; i += kSide) {
      Value x = e.load(floats, e.at(source, i * 4), 16);
      x = e.mulF(x, e.constantFloat(floats, scale));
      queries.push_back(arith::TruncFOp::create(e.b, e.loc, halves, x));
    }
  }

  /// Positions from `from` on into shared memory; instead of those beyond `last` that one.
  void stage(Value from, Value last) {
    auto positionOf = [&](Value i) { return e.minimum(e.add(from, i), last); };
    Value keyParts = e.constant(keys.count()), valueParts = e.constant(values.count());
    inTurns(kPositions * keys.count(), [&](Value i) {
      Value row = e.divide(i, keyParts), part = e.remainder(i, keyParts);
      Value at = e.add(e.mul(row, e.constant(keyPitch)), e.mul(part, e.constant(kPart * 2)));
      Values words = keys.load(positionOf(row), part);
      return [this, words, at] { e.store(packHalves(e, words), e.at(keyTile, at), 16); };
    });
    // Four positions of eight elements, transposed.
    constexpr int64_t kRows = 4;
    inTurns(kPositions / kRows * values.count(), [&](Value i) {
      Value part = e.remainder(i, valueParts);
      Value row = e.mul(e.divide(i, valueParts), e.constant(kRows));
      std::vector<Values> words;
      for (int64_t r = 0; r < kRows; ++r)
        words.push_back(values.load(positionOf(e.add(row, e.constant(r))), part));
      Value at = e.add(e.mul(part, e.constant(valuePitch)), e.mul(row, e.constant(2)));
      return [this, words, at] {
        for (size_t element = 0; element < kPart; ++element) {
          int64_t selector = element % 2 ? 0x07060302 : 0x05040100;
          Values pairs;
          for (size_t r = 0; r < words.size(); r += 2)
            pairs.push_back(
                pickBytes(e, words[r + 1][element / 2], words[r][element / 2], selector));
          auto tileRow = static_cast<int64_t>(element) * values.count();
          e.store(packHalves(e, pairs), e.at(e.at(valueTile, at), tileRow * valuePitch), 8);
        }
      };
    });
  }

  /// `load` for each i below `count`, an i for each thread in turn, then what it returned. The
  /// loads of all turns are under way together.
  template <typename Load> void inTurns(int64_t count, const Load &load) {
    int64_t turns = count / wave.threads();
    std::vector<std::function<void()>> stores;
    for (int64_t t = 0; t < turns; ++t)
      stores.push_back(load(e.add(wave.thread(), e.constant(t * wave.threads()))));
    for (const auto &store : stores)
      store();
    if (count % wave.threads()) {
      Value i = e.add(wave.thread(), e.constant(turns * wave.threads()));
      e.ifThen(e.less(i, e.constant(count)), [&] { load(i)(); });
    }
  }

  /// Matrix A from a tile: 16 rows from `row` on, columns from `byte` on.
  Value fragment(Value tile, int64_t pitch, int64_t row, int64_t byte) {
    Value at = e.mul(column, e.constant(pitch));
    if (lanes.upperK)
      at = e.add(at, e.mul(half, e.constant(lanes.upperK * 2)));
    return e.load(e.vectorOf(e.f16(), lanes.halves), e.at(e.at(tile, at), row * pitch + byte), 16);
  }

  /// The state with positions from `begin` on, which lie from `step` on in shared memory.
  Values attend(Value begin, int64_t step, const Values &state) {
    Values scores;
    for (int64_t s = 0; s < kStep; s += kSide) {
      Value products = e.zero(vector);
      for (size_t i = 0; i < queries.size(); ++i) {
        Value rows = fragment(keyTile, keyPitch, step + s, static_cast<int64_t>(i) * kSide * 2);
        products = kernel.target.multiplyMatrices(e, rows, queries[i], products);
      }
      for (int64_t r = 0; r < 8; ++r)
        scores.push_back(e.lane(products, r));
    }
    Value isPartial = e.less(all, e.add(begin, e.constant(kStep)));
    scores = choose(e, isPartial, scores, [&] { return masked(begin, scores); });

    Value most = scores[0];
    for (Value score : scores)
      most = larger(most, score);
    most = larger(larger(most, wave.exchange(most, kSide)), state[0]);
    Value rescale = exp2(e.subF(state[0], most));
    Value shift = e.subF(most, e.constantFloat(e.f32(), kWeightBits)), sum = e.zero(e.f32());
    for (Value &score : scores) {
      score = exp2(e.subF(score, shift));
      sum = e.addF(sum, score);
    }
    Values next{most, e.fma(state[1], rescale, sum)};
    Value grown = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::ONE, rescale,
                                        e.constantFloat(e.f32(), 1));
    Value which = e.intrinsic(e.i32(), "llvm.amdgcn.ballot", {grown});
    Value some =
        arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::ne, which, e.zero(e.i32()));
    Values before(ValueRange(state).drop_front(2));
    Values sums = choose(e, some, before, [&] {
      Values scaled;
      for (Value v : before)
        scaled.push_back(e.mulF(v, e.splat(rescale, 8)));
      return scaled;
    });
    for (int64_t s = 0; s < kStep; s += kSide) {
      Value weights = weightFragment(ValueRange(scores).slice(static_cast<size_t>(s / 2), 8));
      for (size_t j = 0; j < sums.size(); ++j) {
        Value rows =
            fragment(valueTile, valuePitch, static_cast<int64_t>(j) * kSide, (step + s) * 2);
        sums[j] = kernel.target.multiplyMatrices(e, rows, weights, sums[j]);
      }
    }
    next.append(sums);
    return next;
  }

  /// Minus infinity for the positions that this lane's row does not see.
  Values masked(Value begin, const Values &scores) {
    Value left = e.sub(e.sub(seen, begin), e.mul(half, e.constant(lanes.upperRow)));
    Values hidden;
    for (size_t i = 0; i < scores.size(); ++i) {
      auto position =
          static_cast<int64_t>(i) / 8 * kSide + static_cast<int64_t>(i) % 8 * lanes.rowStep;
      hidden.push_back(e.select(e.less(e.constant(position), left), scores[i],
                                e.constantFloat(e.f32(), -INFINITY)));
    }
    return hidden;
  }

  /// Matrix B of 16 positions' weights.
  Value weightFragment(ValueRange weights) {
    Values own;
    for (size_t r = 0; r < 8; r += 2) {
      Value pair = e.zero(e.vectorOf(e.f16(), 2));
      for (size_t i = 0; i < 2; ++i)
        pair = vector::InsertOp::create(
            e.b, e.loc, arith::TruncFOp::create(e.b, e.loc, e.f16(), weights[r + i]), pair,
            static_cast<int64_t>(i));
      own.push_back(e.bitcast(pair, e.i32()));
    }
    if (lanes.halves == 8)
      return packHalves(e, own);
    // Lanes 0 to 15 have the even positions, the others the odd; both want all.
    assert(lanes.rowStep == 2 && lanes.upperRow == 1);
    Value isLower = e.equal(half, e.constant(0));
    auto selector = [&](int64_t lower, int64_t upper) {
      return e.select(isLower, e.constant(e.i32(), lower), e.constant(e.i32(), upper));
    };
    Value low = selector(0x05040100, 0x01000504), high = selector(0x07060302, 0x03020706);
    Values words;
    for (Value word : own) {
      Value other = wave.exchange(word, kSide);
      for (Value which : {low, high})
        words.push_back(e.intrinsic(e.i32(), "llvm.amdgcn.perm", {other, word, which}));
    }
    return packHalves(e, words);
  }

  /// Through shared memory, so that lanes lie along a row.
  void store(const Values &done) {
    Value sum = e.addF(done[1], wave.exchange(done[1], kSide));
    Value inverse = e.divF(e.constantFloat(e.f32(), 1), sum);
    Value tile = e.at(keyTile, e.mul(wave.number(), e.constant(kStored * sumPitch)));
    Value target = e.at(tile, e.add(e.mul(e.bitAnd(column, kStored - 1), e.constant(sumPitch)),
                                    e.mul(half, e.constant(lanes.upperRow * 4))));
    for (int64_t from = 0; from < kSide; from += kStored) {
      Value isHere = e.equal(e.shiftRight(column, 3), e.constant(from / kStored));
      e.ifThen(isHere, [&] {
        for (size_t j = 2; j < done.size(); ++j)
          for (int64_t r = 0; r < 8; ++r) {
            int64_t tileRow = static_cast<int64_t>(j - 2) * kSide + r * lanes.rowStep;
            e.store(e.mulF(e.lane(done[j], r), inverse), e.at(target, tileRow * 4), 4);
          }
      });
      wave.settle();
      Value rows = e.minimum(e.sub(e.sub(total, first), e.constant(from)), e.constant(kStored));
      e.loop(e.constant(0), rows, 1, [&](Value r) {
        Value row = e.add(first, e.add(r, e.constant(from)));
        Value head = headOf(row), token = tokenOf(row);
        Value source = e.at(tile, e.mul(r, e.constant(sumPitch)));
        for (int64_t begin = 0; begin < facts.valueWidth; begin += kWaveLanes) {
          Value i = e.add(e.constant(begin), wave.lane());
          Value tileRow =
              e.add(e.mul(e.bitAnd(i, kPart - 1), e.constant(values.count())), e.shiftRight(i, 3));
          auto put = [&] { result(head, token, i, loadElement(e, e.f32(), source, tileRow)); };
          if (begin + kWaveLanes <= facts.valueWidth)
            put();
          else
            e.ifThen(e.less(i, e.constant(facts.valueWidth)), put);
        }
      });
      wave.settle();
    }
  }

  Emit &e;
  KernelContext &kernel;
  AttentionFacts facts;
  MatrixLanes lanes;
  Wave wave;
  CacheParts keys, values;
  AttentionStore result;
  int64_t groupRows, keyPitch, valuePitch, sumPitch; // pitches in bytes
  Type vector;                                       // of a matrix D in a lane
  Value column, half;                                // lane = 16 * half + column
  Value keyTile, valueTile;
  Value total, length, past; // rows; positions; of these, those before the first token
  Value kvHead, first;       // of this wave's rows
  Value all, seen;           // positions that all rows of the wave see; that this lane's does
  Values queries;
};

} // namespace

bool fitsAttentionTile(const KernelContext &kernel, AttentionFacts facts) {
  return kernel.target.matrixLanes().halves && !facts.op.getMask() &&
         facts.keyWidth <= kMostWidth && facts.valueWidth <= kMostWidth &&
         CacheParts::canRead(facts.op.getKey()) && CacheParts::canRead(facts.op.getValue());
}

void emitLaneAttentionTile(Emit &e, KernelContext &kernel) { LaneAttentionTile(e, kernel).emit(); }

} // namespace rosso

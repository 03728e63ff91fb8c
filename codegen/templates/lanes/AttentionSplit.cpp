// attention of one token on a GPU: decode. The cache is read once, by matrix instructions, and many
// work groups share one head of it.
//
// A work group takes a key/value head, up to eight of its query heads, and a stretch of positions;
// a wave takes 16 positions at a time. Both products are transposed, so that a query head is a
// column and the scores of one head lie in one pair of lanes:
//
//   scores^T [16 positions, 16 columns] = keys [16, d]     queries^T [d, 16]
//   sums^T   [d, 16 columns]           += values^T [d, 16] weights^T [16, 16]
//
// The second eight columns are the same heads again: an f16 column holds the high bits of a query
// (of a weight), the other the rest, so that nothing but f32's own rounding is lost. Keys come from
// memory as the instruction wants them. Of a value row a lane loads d / 16 neighbours, and pairs of
// rows are zipped into the rows of values^T, which therefore come in an order of their own.
//
// The largest score so far scales everything (Milakov and Gimelshein 2018), to the base 2. The
// waves' sums meet in shared memory, the work groups' in the workspace: the last to arrive there,
// by a counter that it sets back, joins them. The grid is that of the longest context; work groups
// beyond the current one have nothing to do.
#include "codegen/templates/lanes/AttentionJoin.h"
#include "codegen/templates/lanes/CacheFragments.h"

#include <algorithm>

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kWaves = kSplitWaves, kHeads = kSplitHeads, kStretch = kSplitStretch;
constexpr int64_t kSide = 16;       // of matrices
constexpr double kWeightBits = 14;  // weights are below 2^14: f16 has few small numbers
constexpr int64_t kKeysAhead = 6;   // of matrices whose loads are under way
constexpr int64_t kMostWidth = 128; // of a head, for the registers' sake

class LaneAttentionSplit {
public:
  LaneAttentionSplit(Emit &emit, KernelContext &context)
      : e(emit), kernel(context), facts(context), plan(planSplits(context, facts)),
        lanes(context.target.matrixLanes()), wave(emit, context, kWaves * kWaveLanes),
        keys(emit, context, wave, facts.op.getKey()),
        values(emit, context, wave, facts.op.getValue()), join(emit, context, wave, facts, plan) {
    kernel.grid = {{.extent = facts.kvHeads * plan.headTiles * plan.splits}};
    kernel.schedule = "splits " + std::to_string(plan.splits) + ", heads " +
                      std::to_string(plan.tileHeads) + ", positions " + std::to_string(kStretch);
    kernel.mostVgprs = facts.valueWidth <= 64 ? 120 : values.isQuantised() ? 192 : 168;
    vector = e.vectorOf(e.f32(), 8);
    column = e.bitAnd(wave.lane(), kSide - 1);
    half = e.shiftRight(wave.lane(), 4);
    queryPitch = facts.keyWidth * 2 + 16; // bytes; padded, so that rows begin in different banks
    queries = wave.shared(kSide * queryPitch);
    if (keys.isQuantised())
      scales = wave.shared(kWaves * facts.keyWidth / keys.blockLen() * kSide * 2);
  }

  void emit() {
    Value splits = e.constant(plan.splits), tiles = e.constant(plan.headTiles);
    Value split = e.remainder(wave.group(), splits);
    Value tile = e.divide(wave.group(), splits);
    Value kvHead = e.divide(tile, tiles);
    Value firstInGroup = e.mul(e.remainder(tile, tiles), e.constant(kHeads));
    firstHead = e.add(e.mul(kvHead, e.constant(facts.headsPerKv)), firstInGroup);
    headCount = e.minimum(e.constant(kHeads), e.sub(e.constant(facts.headsPerKv), firstInGroup));
    Value length = kernel.extent(e, facts.length);
    Value perSplit = e.mul(e.ceilDivide(length, kStretch * plan.splits), e.constant(kStretch));
    Value active = e.divide(e.add(length, e.sub(perSplit, e.constant(1))), perSplit);
    join.setTile(tile, firstHead, headCount, active);
    e.ifThen(e.less(split, active), [&] {
      Value begin = e.mul(split, perSplit);
      keys.setHead(kvHead);
      values.setHead(kvHead);
      loadQueries();
      wave.barrier();
      attend(begin, e.minimum(length, e.add(begin, perSplit)));
      wave.barrier();
      if (plan.splits == 1)
        return join.storeAlone();
      e.ifThenElse(
          e.equal(active, e.constant(1)), [&] { join.storeAlone(); },
          [&] { join.storeShare(split); });
    });
  }

private:
  Value number(double x) { return e.constantFloat(e.f32(), x); }
  Value larger(Value a, Value b) { return arith::MaxNumFOp::create(e.b, e.loc, a, b); }
  Value exp2(Value x) { return e.intrinsic(e.f32(), "llvm.amdgcn.exp2", {x}); }

  /// Scaled queries into shared memory: f16 [column][d], a head's high bits in column h, the rest
  /// in column 8 + h; zeros for heads that do not exist.
  void loadQueries() {
    constexpr int64_t kUnit = 4;
    Value source = kernel.pointerOf(cast<BlockArgument>(facts.op.getQuery()));
    Value units = e.constant(facts.keyWidth / kUnit);
    Type floats = e.vectorOf(e.f32(), kUnit), halves = e.vectorOf(e.f16(), kUnit);
    // exp(x) = exp2(x log2 e)
    double scale = facts.op.getScale().convertToDouble() * 1.44269504088896340736;
    e.loop(
        wave.thread(), e.constant(kHeads * facts.keyWidth / kUnit), wave.threads(), [&](Value i) {
          Value head = e.divide(i, units), unit = e.remainder(i, units);
          Value exists = e.less(head, headCount);
          Value from = e.add(firstHead, e.select(exists, head, e.constant(0)));
          Value position = e.add(e.mul(from, units), unit);
          Value x = e.load(floats, e.at(source, e.mul(position, e.constant(kUnit * 4))), 16);
          x = e.mulF(x, e.constantFloat(floats, scale));
          x = e.select(exists, x, e.zero(floats));
          Value high = arith::TruncFOp::create(e.b, e.loc, halves, x);
          Value rest = e.subF(x, e.extendFloat(high, e.f32()));
          Value at = e.add(e.mul(head, e.constant(queryPitch)), e.mul(unit, e.constant(kUnit * 2)));
          Value target = e.at(queries, at);
          e.store(high, target, 8);
          e.store(arith::TruncFOp::create(e.b, e.loc, halves, rest),
                  e.at(target, kHeads * queryPitch), 8);
        });
  }

  /// Matrix B of elements 16i .. 16i + 15 of the queries.
  Value queryFragment(int64_t i) {
    Value at = e.mul(column, e.constant(queryPitch));
    if (lanes.upperK)
      at = e.add(at, e.mul(half, e.constant(lanes.upperK * 2)));
    return e.load(e.vectorOf(e.f16(), lanes.halves), e.at(e.at(queries, at), i * kSide * 2), 16);
  }

  /// This wave's share of positions [begin, end) into shared memory.
  void attend(Value begin, Value end) {
    Value last = e.sub(end, e.constant(1));
    // Carried: the column's largest score, this lane's sum of weights, the sums of values.
    Values start{number(kLowestScore), e.zero(e.f32())};
    start.append(static_cast<size_t>(values.count()), e.zero(vector));
    Value first = e.add(begin, e.mul(wave.number(), e.constant(kSide)));
    Values done = e.loop(first, end, kStretch, start, [&](Value from, ValueRange carried) {
      // The queries stay in shared memory: 64 registers less.
      wave.settle();
      keys.setPosition(e.minimum(e.add(from, column), last));
      for (int64_t i = 0; i < keysAhead(); ++i)
        keys.load(i);
      values.setRows(from, last);
      holdLoads();
      Values score = scoresAt(from, end);
      Value most = score[0];
      for (Value s : score)
        most = larger(most, s);
      most = larger(most, wave.exchange(most, kSide));
      most = larger(most, carried[0]);
      Value rescale = exp2(e.subF(carried[0], most));
      Value shift = e.subF(most, number(kWeightBits));
      Value total = e.zero(e.f32());
      for (Value &s : score) {
        s = exp2(e.subF(s, shift));
        total = e.addF(total, s);
      }
      Values next{most, e.fma(carried[1], rescale, total)};
      Values sumsBefore = rescaled(carried.drop_front(2), rescale);
      values.shareScales();
      Value weights = weightFragment(score);
      for (int64_t j = 0; j < values.count(); ++j)
        next.push_back(kernel.target.multiplyMatrices(e, values.fragment(j), weights,
                                                      sumsBefore[static_cast<size_t>(j)]));
      return next;
    });
    join.keep(done);
  }

  /// The scores of this lane's column with eight positions, minus infinity for those at `end` and
  /// beyond.
  Values scoresAt(Value first, Value end) {
    Value products = e.zero(vector);
    if (!keys.isQuantised()) {
      for (int64_t i = 0; i < keys.count(); ++i)
        products = multiplyKeys(i, products);
    } else {
      products = scaledProducts();
    }
    Values score;
    // Position of register r: first + r * rowStep + half * upperRow.
    Value left = e.sub(e.sub(end, first), e.mul(half, e.constant(lanes.upperRow)));
    for (int64_t r = 0; r < 8; ++r) {
      Value s = e.lane(products, r);
      s = e.addF(s, wave.exchange(s, kHeads)); // the high bits and the rest
      score.push_back(e.select(e.less(e.constant(r * lanes.rowStep), left), s, number(-INFINITY)));
    }
    return score;
  }

  int64_t keysAhead() const {
    return keys.isQuantised() ? keys.count() : std::min(keys.count(), kKeysAhead);
  }
  /// Adds the products of elements 16i .. 16i + 15. What is loaded next, keys and then value rows,
  /// takes the place of their registers.
  Value multiplyKeys(int64_t i, Value sum) {
    sum = kernel.target.multiplyMatrices(e, keys.fragment(i), queryFragment(i), sum);
    int64_t rows = values.rowCount(), ahead = keysAhead(), step = i - (keys.count() - ahead);
    if (step < 0)
      keys.load(i + ahead);
    for (int64_t k = step * rows / ahead; k < (step + 1) * rows / ahead; ++k)
      if (step >= 0)
        values.loadRow(k);
    holdLoads();
    return sum;
  }
  /// Loads from global memory and matrix instructions stay on their side of this place. The
  /// compiler would wait for the first keys before it loads the next.
  void holdLoads() {
    constexpr int64_t kMayPass = 0x786; // other vector, scalar, transcendental, shared memory
    e.intrinsic({}, "llvm.amdgcn.sched.barrier", {e.constant(e.i32(), kMayPass)});
  }

  /// Products with int8 codes; each block's are multiplied with its positions' scales. These come
  /// from the lanes that loaded them by shared memory: f16 [block][position, as D has them].
  Value scaledProducts() {
    int64_t blocks = facts.keyWidth / keys.blockLen(), perBlock = keys.blockLen() / kSide;
    Value own = e.at(scales, e.mul(wave.number(), e.constant(blocks * kSide * 2)));
    Value place = keys.placeOf(column);
    for (int64_t b = 0; b < blocks; ++b)
      storeElement(e, e.f16(), keys.scale(b), e.at(own, b * kSide * 2), place);
    wave.settle();
    Value products = e.zero(vector);
    for (int64_t b = 0; b < blocks; ++b) {
      Value block = e.zero(vector);
      for (int64_t i = b * perBlock; i < (b + 1) * perBlock; ++i)
        block = multiplyKeys(i, block);
      Value scale =
          e.load(e.vectorOf(e.f16(), 8), e.at(e.at(own, e.shiftLeft(half, 4)), b * kSide * 2), 16);
      products = e.fma(e.extendFloat(scale, e.f32()), block, products);
    }
    return products;
  }

  /// The sums before, multiplied with their column's factor where some column needs it.
  Values rescaled(ValueRange before, Value factor) {
    Value grown = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::ONE, factor, number(1));
    Value which = e.intrinsic(e.i32(), "llvm.amdgcn.ballot", {grown});
    Value some =
        arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::ne, which, e.zero(e.i32()));
    return choose(e, some, before, [&] {
      Values scaled;
      for (Value sum : before)
        scaled.push_back(e.mulF(sum, e.splat(factor, 8)));
      return scaled;
    });
  }

  /// Matrix B of the weights: in columns 0 to 7 rounded towards zero, in the others what that left.
  Value weightFragment(const Values &weights) {
    Value isHigh = e.less(column, e.constant(kHeads));
    Type pair = e.vectorOf(e.f16(), 2);
    auto pack = [&](Value a, Value b) {
      return e.intrinsic(pair, "llvm.amdgcn.cvt.pkrtz", {a, b});
    };
    Values own;
    for (size_t r = 0; r < 8; r += 2) {
      Value high = pack(weights[r], weights[r + 1]);
      auto rest = [&](int64_t i) {
        Value rounded = e.extendFloat(e.lane(high, i), e.f32());
        return e.fma(rounded, number(-1), weights[r + static_cast<size_t>(i)]);
      };
      Value low = pack(rest(0), rest(1));
      own.push_back(e.select(isHigh, e.bitcast(high, e.i32()), e.bitcast(low, e.i32())));
    }
    if (lanes.halves == 8)
      return packHalves(e, own);
    // Both lane halves want all positions: those of lanes 0 to 15 first.
    Value isLower = e.equal(half, e.constant(0));
    Values first, second;
    for (Value word : own) {
      Value other = wave.exchange(word, kSide);
      first.push_back(e.select(isLower, word, other));
      second.push_back(e.select(isLower, other, word));
    }
    first.append(second);
    return packHalves(e, first);
  }

  Emit &e;
  KernelContext &kernel;
  AttentionFacts facts;
  SplitPlan plan;
  MatrixLanes lanes;
  Wave wave;
  KeyFragments keys;
  ValueFragments values;
  AttentionJoin join;
  Type vector;        // of a matrix D in a lane
  Value column, half; // lane = 16 * half + column
  int64_t queryPitch;
  Value queries, scales; // shared memory
  Value firstHead, headCount;
};

} // namespace

bool fitsAttentionSplit(const KernelContext &kernel, AttentionFacts facts) {
  return kernel.target.matrixLanes().halves && facts.tokens == Dim(1) && !facts.op.getMask() &&
         facts.valueWidth <= kMostWidth && facts.keyWidth <= kMostWidth &&
         KeyFragments::canRead(facts.op.getKey()) && ValueFragments::canRead(facts.op.getValue());
}

int64_t attentionSplitWorkspace(const KernelContext &kernel, const AttentionFacts &facts) {
  return planSplits(kernel, facts).bytes;
}

void emitLaneAttentionSplit(Emit &e, KernelContext &kernel) {
  LaneAttentionSplit(e, kernel).emit();
}

} // namespace rosso

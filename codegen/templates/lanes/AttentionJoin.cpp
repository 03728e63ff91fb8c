#include "codegen/templates/lanes/AttentionJoin.h"

#include <algorithm>

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kSide = 16;    // of matrices
constexpr int64_t kInFlight = 4; // records that are joined at a time

} // namespace

SplitPlan planSplits(const KernelContext &kernel, const AttentionFacts &facts) {
  SplitPlan plan;
  plan.headTiles = (facts.headsPerKv + kSplitHeads - 1) / kSplitHeads;
  plan.tileHeads = std::min(facts.headsPerKv, kSplitHeads);
  int64_t tiles = facts.kvHeads * plan.headTiles;
  int64_t longest = facts.length.max(kernel.vars);
  // Some more work groups than the chip has compute units; two of these share a work group's waves.
  int64_t wanted = int64_t{kernel.target.computeUnits()} * 4 / 3;
  plan.splits = std::clamp<int64_t>((wanted + tiles - 1) / tiles, 1,
                                    (longest + kSplitStretch - 1) / kSplitStretch);
  plan.recordHead = plan.tileHeads * facts.valueWidth;
  plan.record = plan.recordHead + plan.tileHeads * 2;
  plan.counterBytes = (tiles * 4 + 63) / 64 * 64;
  plan.bytes = plan.splits == 1 ? 0 : plan.counterBytes + tiles * plan.splits * plan.record * 4;
  return plan;
}

AttentionJoin::AttentionJoin(Emit &emit, KernelContext &context, Wave &group,
                             const AttentionFacts &numbers, const SplitPlan &splits)
    : e(emit), kernel(context), wave(group), facts(numbers), plan(splits),
      lanes(context.target.matrixLanes()), result(emit, context, group, numbers) {
  column = e.bitAnd(wave.lane(), kSide - 1);
  half = e.shiftRight(wave.lane(), 4);
  sumPitch = facts.valueWidth + 4;
  sums = wave.shared(kSplitSlots * plan.tileHeads * sumPitch * 4);
  scores = wave.shared(kSplitSlots * plan.tileHeads * 8);
}

void AttentionJoin::setTile(Value index, Value first, Value heads, Value groups) {
  tile = index;
  firstHead = first;
  headCount = heads;
  active = groups;
}

/// The waves' sums into shared memory, those of wave w and w + 4 together: f32 [slot][head][d],
/// and [slot][head] {largest score, sum of weights}.
void AttentionJoin::keep(const Values &done) {
  auto count = static_cast<int64_t>(done.size()) - 2; // matrices
  Values all{done[0], e.addF(done[1], wave.exchange(done[1], kSide))};
  for (int64_t r = 0; r < 8; ++r) // of both columns
    for (int64_t j = 0; j < count; ++j) {
      Value part = e.lane(done[static_cast<size_t>(2 + j)], r);
      all.push_back(e.addF(part, wave.exchange(part, kSplitHeads)));
    }
  Value slot = e.bitAnd(wave.number(), kSplitSlots - 1);
  Value row = e.add(e.mul(slot, e.constant(plan.tileHeads)), column);
  // Row l = r * rowStep + half * upperRow of D j is element l * count + j.
  Value at = e.add(e.mul(row, e.constant(sumPitch * 4)),
                   e.mul(half, e.constant(lanes.upperRow * count * 4)));
  Values places{e.at(scores, e.mul(row, e.constant(8)))};
  places.push_back(e.at(places[0], 4));
  for (int64_t r = 0; r < 8; ++r)
    for (int64_t j = 0; j < count; ++j)
      places.push_back(e.at(e.at(sums, at), (r * lanes.rowStep * count + j) * 4));
  Value isMine = e.less(column, e.constant(plan.tileHeads));
  Value isLow = e.less(wave.number(), e.constant(kSplitSlots));
  e.ifThen(e.bitAnd(isMine, e.less(e.constant(kSplitSlots - 1), wave.number())), [&] {
    for (size_t i = 0; i < all.size(); ++i)
      e.store(all[i], places[i], 4);
  });
  wave.barrier();
  e.ifThen(e.bitAnd(isMine, isLow), [&] {
    Value other = e.load(e.f32(), places[0], 4), most = larger(all[0], other);
    Value factor = exp2(e.subF(all[0], most)), otherFactor = exp2(e.subF(other, most));
    e.store(most, places[0], 4);
    for (size_t i = 1; i < all.size(); ++i) {
      Value theirs = e.mulF(e.load(e.f32(), places[i], 4), otherFactor);
      e.store(e.fma(all[i], factor, theirs), places[i], 4);
    }
  });
}

/// What the waves have of a head: the largest score, the factor of each slot, the joined sum of
/// weights.
AttentionJoin::Waves AttentionJoin::joinWaves(Value head) {
  Waves join;
  Values most, total;
  for (int64_t w = 0; w < kSplitSlots; ++w) {
    Value at = e.at(e.at(scores, e.mul(head, e.constant(8))), w * plan.tileHeads * 8);
    most.push_back(e.load(e.f32(), at, 4));
    total.push_back(e.load(e.f32(), e.at(at, 4), 4));
    join.most = w ? larger(join.most, most.back()) : most.back();
  }
  join.total = e.zero(e.f32());
  for (size_t w = 0; w < kSplitSlots; ++w) {
    join.factors.push_back(exp2(e.subF(most[w], join.most)));
    join.total = e.fma(join.factors.back(), total[w], join.total);
  }
  return join;
}
Value AttentionJoin::joinedSum(const Waves &join, Value head, Value i) {
  Value at = e.at(sums, e.mul(e.add(e.mul(head, e.constant(sumPitch)), i), e.constant(4)));
  Value sum = e.zero(e.f32());
  for (int64_t w = 0; w < kSplitSlots; ++w)
    sum = e.fma(join.factors[static_cast<size_t>(w)],
                e.load(e.f32(), e.at(at, w * plan.tileHeads * sumPitch * 4), 4), sum);
  return sum;
}
/// For each element of each head; `head` is uniform.
void AttentionJoin::eachElement(const std::function<void(Value head, Value i)> &body) {
  Value width = e.constant(facts.valueWidth);
  e.loop(wave.thread(), e.mul(headCount, width), wave.threads(), [&](Value at) {
    Value head = wave.uniform(e.divide(at, width));
    body(head, e.sub(at, e.mul(head, width)));
  });
}

void AttentionJoin::storeAlone() {
  eachElement([&](Value head, Value i) {
    Waves join = joinWaves(head);
    Value x = e.mulF(joinedSum(join, head, i), e.divF(number(1), join.total));
    result(e.add(firstHead, head), e.constant(0), i, x);
  });
}

Value AttentionJoin::recordAt(Value split) {
  Value index = e.add(e.mul(tile, e.constant(plan.splits)), split);
  Value records = e.at(kernel.workspace, plan.counterBytes);
  return e.at(records, e.mul(index, e.constant(plan.record * 4)));
}

void AttentionJoin::storeRecord(Value split) {
  Value record = recordAt(split);
  eachElement([&](Value head, Value i) {
    Waves join = joinWaves(head);
    Value at = e.add(e.mul(head, e.constant(facts.valueWidth)), i);
    storeElement(e, e.f32(), joinedSum(join, head, i), record, at);
    e.ifThen(e.equal(i, e.constant(0)), [&] {
      Value target = e.at(e.at(record, e.mul(head, e.constant(8))), plan.recordHead * 4);
      e.store(join.most, target, 4);
      e.store(join.total, e.at(target, 4), 4);
    });
  });
}

void AttentionJoin::storeShare(Value split) {
  storeRecord(split);
  wave.release();
  wave.barrier();
  Value before = wave.shared(4);
  Value counter = e.at(kernel.workspace, e.mul(tile, e.constant(4)));
  Value isFirst = e.equal(wave.thread(), e.constant(0));
  e.ifThen(isFirst, [&] { e.store(wave.addAtomic(counter, e.constant(1)), before, 4); });
  wave.barrier();
  Value arrived = wave.uniform(e.load(e.i32(), before, 4));
  e.ifThen(e.equal(arrived, e.sub(active, e.constant(1))), [&] {
    wave.acquire();
    e.ifThen(isFirst, [&] { e.store(e.constant(0), counter, 4); });
    joinRecords();
  });
}

/// All work groups' records of this tile.
void AttentionJoin::joinRecords() {
  // Each thread the factor of a head of a split: f32 [split][head], and their sums [head].
  Value factors = wave.shared(plan.splits * kSplitHeads * 4),
        inverses = wave.shared(kSplitHeads * 4);
  Value record = recordAt(e.constant(0));
  auto scoreAt = [&](Value split, Value head) {
    Value at = e.add(e.mul(split, e.constant(plan.record * 4)), e.mul(head, e.constant(8)));
    return e.at(e.at(record, at), plan.recordHead * 4);
  };
  // A wave is a head; its lanes take splits in turn.
  static_assert(kSplitWaves >= kSplitHeads);
  e.ifThen(e.less(wave.number(), headCount), [&] {
    Value head = wave.number();
    Value most = e.loop(wave.lane(), active, kWaveLanes, Values{number(kLowestScore)},
                        [&](Value split, ValueRange carried) -> Values {
                          return {larger(carried[0], e.load(e.f32(), scoreAt(split, head), 4))};
                        })[0];
    most = wave.reduce(most, [&](Value a, Value b) { return larger(a, b); });
    Value total = e.loop(wave.lane(), active, kWaveLanes, Values{e.zero(e.f32())},
                         [&](Value split, ValueRange carried) -> Values {
                           Value at = scoreAt(split, head);
                           Value factor = exp2(e.subF(e.load(e.f32(), at, 4), most));
                           storeElement(e, e.f32(), factor, factors,
                                        e.add(e.mul(split, e.constant(kSplitHeads)), head));
                           return {e.fma(factor, e.load(e.f32(), e.at(at, 4), 4), carried[0])};
                         })[0];
    total = wave.reduce(total, [&](Value a, Value b) { return e.addF(a, b); });
    storeElement(e, e.f32(), e.divF(number(1), total), inverses, head);
  });
  wave.barrier();
  // A thread sums its elements of all heads together, so that many loads are under way.
  int64_t count = (plan.tileHeads * facts.valueWidth + wave.threads() - 1) / wave.threads();
  Values heads, elements, addresses;
  Value width = e.constant(facts.valueWidth), lastHead = e.sub(headCount, e.constant(1));
  for (int64_t n = 0; n < count; ++n) {
    Value at = e.add(wave.thread(), e.constant(n * wave.threads()));
    heads.push_back(wave.uniform(e.divide(at, width)));
    elements.push_back(e.remainder(at, width));
    Value position = e.add(e.mul(e.minimum(heads.back(), lastHead), width), elements.back());
    addresses.push_back(e.at(record, e.mul(position, e.constant(4))));
  }
  Value lastSplit = e.sub(active, e.constant(1));
  Values joined =
      e.loop(e.constant(0), active, kInFlight, Values(static_cast<size_t>(count), e.zero(e.f32())),
             [&](Value from, ValueRange carried) {
               Values next(carried);
               for (int64_t u = 0; u < kInFlight; ++u) {
                 Value split = e.add(from, e.constant(u)), exists = e.less(split, active);
                 split = e.minimum(split, lastSplit);
                 Value offset = e.mul(split, e.constant(plan.record * 4));
                 Value row = e.mul(split, e.constant(kSplitHeads));
                 for (size_t n = 0; n < next.size(); ++n) {
                   Value head = e.minimum(heads[n], lastHead);
                   Value factor = loadElement(e, e.f32(), factors, e.add(row, head));
                   next[n] = e.fma(e.select(exists, factor, e.zero(e.f32())),
                                   e.load(e.f32(), e.at(addresses[n], offset), 4), next[n]);
                 }
               }
               return next;
             });
  for (size_t n = 0; n < joined.size(); ++n)
    e.ifThen(e.less(heads[n], headCount), [&] {
      Value x = e.mulF(joined[n], loadElement(e, e.f32(), inverses, heads[n]));
      result(e.add(firstHead, heads[n]), e.constant(0), elements[n], x);
    });
}

} // namespace rosso

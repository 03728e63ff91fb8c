// topk on a GPU: a work group takes one row.
//
// Elements become integers that grow as the elements fall; of these the k-th smallest is found
// eight bits at a time, by counting digits in shared memory. Where equals straddle the end, the
// bits of their indices follow, so that the first of them are taken. What is not beyond that place
// is collected in shared memory and sorted there. A row is read again for each digit: it is in the
// second-level cache by then.
//
// A k larger than kMost is taken in rounds of kMost: each reads the whole row again.
#include "codegen/ElementEmitter.h"
#include "codegen/amdgpu/Wave.h"
#include "codegen/templates/SortKey.h"
#include "codegen/templates/Templates.h"

#include <algorithm>
#include <limits>

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kDigits = 256, kDigitBits = 8;
constexpr int64_t kMost = 2048;  // elements that a round collects
constexpr int64_t kInFlight = 8; // elements that a thread loads at a time
constexpr int64_t kLaneDigits = kDigits / kWaveLanes;
constexpr int64_t kNoIndex = std::numeric_limits<int32_t>::max();

int64_t threadsFor(int64_t elements) {
  int64_t threads = kWaveLanes;
  while (threads < 1024 && threads * 4 < elements)
    threads *= 2;
  return threads;
}

int64_t bitsFor(int64_t count) {
  int64_t bits = 0;
  while (int64_t{1} << bits < count)
    ++bits;
  return bits;
}

class LaneTopK {
public:
  LaneTopK(Emit &emit, KernelContext &context)
      : e(emit), kernel(context), op(cast<TopKOp>(context.op.getBody()->front())),
        shape(shapeOf(op.getSource())), most(shape.back().max(context.vars)),
        wave(emit, context, threadsFor(most)), elements(emit, context),
        element(tensorOf(op.getSource()).getElementType()), keyType(sortKeyType(emit, element)) {
    outer = Shape(shape.begin(), shape.end() - 1);
    k = op.getK();
    sorted = int64_t{1} << bitsFor(std::min(k, kMost));
    kernel.grid = gridOver(outer);
    kernel.schedule = "threads " + std::to_string(wave.threads());
    counts = wave.shared(kDigits * 4);
    collected = wave.shared(4);
    keys = wave.shared(sorted * keyBytes());
    indices = wave.shared(sorted * 4);
    length = kernel.extent(e, shape.back());
    row = delinearIndex(e, kernel, outer, wave.group());
  }

  void emit() {
    int64_t rounds = (k + kMost - 1) / kMost;
    if (rounds == 1) {
      collect(select(number(k)), {});
      sort();
      store(e.constant(0), e.constant(k));
      return;
    }
    e.loop(e.constant(0), e.constant(rounds), 1, {e.zero(keyType), number(-1)},
           [&](Value round, ValueRange before) -> Values {
             Value first = e.mul(round, e.constant(kMost));
             Value count = e.minimum(e.constant(kMost), e.sub(e.constant(k), first));
             Place end = select(e.add(first, count));
             collect(end, Place{before[0], before[1]});
             sort();
             store(first, count);
             return {end.key, end.index};
           });
  }

private:
  /// Elements are in the order of their key, those of one key in the order of their index.
  struct Place {
    Value key, index;
  };

  int64_t keyBytes() const { return keyType.getIntOrFloatBitWidth() / 8; }
  Value number(int64_t value) { return e.constant(e.i32(), value); }
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(e.b, e.loc, predicate, a, b);
  }
  Value shiftLeft(Value v, Value bits) { return arith::ShLIOp::create(e.b, e.loc, v, bits); }

  Value keyAt(Value i) {
    ElementEmitter::Scope scope(elements);
    Values index(row);
    index.push_back(i);
    return descendingKey(e, elements.element(op.getSource(), index), element);
  }

  /// The place of the element number `rank`, counted from 1.
  Place select(Value rank) {
    Value prefix = e.zero(keyType), inBin;
    for (int64_t shift = keyBytes() * 8 - kDigitBits; shift >= 0; shift -= kDigitBits) {
      countDigits([&](Value, Value key) -> Chosen {
        if (shift + kDigitBits == keyBytes() * 8)
          return {{}, digitOf(key, shift)};
        return {e.equal(e.shiftRight(key, shift + kDigitBits), prefix), digitOf(key, shift)};
      });
      auto [bin, before, size] = findBin(rank);
      prefix = e.bitOr(e.shiftLeft(prefix, kDigitBits), e.zeroExtend(bin, keyType));
      rank = e.sub(rank, before);
      inBin = size;
    }
    // All of the key, or the first `rank` of it?
    Value straddles = e.zeroExtend(compare(arith::CmpIPredicate::ne, rank, inBin), e.i32());
    Values index = e.loop(number(0), straddles, 1, Values{number(kNoIndex)},
                          [&](Value, ValueRange) { return Values{selectIndex(prefix, rank)}; });
    return {prefix, index[0]};
  }

  /// The index of the element number `rank` among those with this key.
  Value selectIndex(Value key, Value rank) {
    Value prefix = number(0);
    int64_t digits = std::max<int64_t>(1, (bitsFor(most) + kDigitBits - 1) / kDigitBits);
    for (int64_t digit = digits; digit-- > 0;) {
      int64_t shift = digit * kDigitBits;
      countDigits([&](Value i, Value other) -> Chosen {
        Value matches = e.equal(other, key);
        if (digit + 1 < digits)
          matches = e.bitAnd(matches, e.equal(e.shiftRight(i, shift + kDigitBits), prefix));
        return {matches, digitOf(i, shift)};
      });
      auto [bin, before, size] = findBin(rank);
      prefix = e.bitOr(e.shiftLeft(prefix, kDigitBits), bin);
      rank = e.sub(rank, before);
    }
    return prefix;
  }

  Value digitOf(Value v, int64_t shift) {
    return e.truncate(e.bitAnd(e.shiftRight(v, shift), kDigits - 1), e.i32());
  }

  /// Calls back for each of this thread's elements: its index, its key, and whether it exists.
  template <typename Body> void eachKey(const Body &body) {
    int64_t unroll = most >= kInFlight * wave.threads() ? kInFlight : 1;
    e.loop(wave.thread(), length, wave.threads() * unroll, [&](Value first) {
      Values places, keysThere, exist;
      for (int64_t u = 0; u < unroll; ++u) {
        Value i = e.add(first, e.constant(u * wave.threads()));
        places.push_back(i);
        exist.push_back(e.less(i, length));
        keysThere.push_back(keyAt(u ? e.minimum(i, e.sub(length, e.constant(1))) : i));
      }
      for (size_t u = 0; u < places.size(); ++u)
        body(places[u], keysThere[u], exist[u]);
    });
  }

  struct Chosen {
    Value condition; // null: always
    Value digit;
  };
  /// Counts how often each digit comes up that `choose` gives for the elements.
  template <typename Choose> void countDigits(const Choose &choose) {
    wave.barrier(); // the counts before have been read
    e.loop(wave.thread(), e.constant(kDigits), wave.threads(),
           [&](Value i) { storeElement(e, e.i32(), number(0), counts, i); });
    wave.barrier();
    eachKey([&](Value i, Value key, Value exists) {
      Chosen chosen = choose(i, key);
      Value counted = chosen.condition ? e.bitAnd(chosen.condition, exists) : exists;
      e.ifThen(counted,
               [&] { wave.addAtomic(e.at(counts, e.shiftLeft(chosen.digit, 2)), number(1)); });
    });
    wave.barrier();
  }

  struct Bin {
    Value digit;  // uniform, like the others
    Value before; // elements with smaller digits
    Value size;   // elements with this one
  };
  /// The digit of the element number `rank`. Every wave finds it, each lane in eight counts.
  Bin findBin(Value rank) {
    Values count;
    Value own = e.at(counts, e.shiftLeft(wave.lane(), 5)), sum = number(0);
    for (int64_t i = 0; i < kLaneDigits; ++i) {
      count.push_back(e.load(e.i32(), e.at(own, 4 * i), 4));
      sum = e.add(sum, count.back());
    }
    Value upTo = sum; // of this lane and those before
    for (int64_t step = 1; step < kWaveLanes; step *= 2) {
      Value other = wave.shuffle(upTo, e.sub(wave.lane(), e.constant(step)));
      Value has = e.less(e.constant(step - 1), wave.lane());
      upTo = e.add(upTo, e.select(has, other, number(0)));
    }
    Value before = e.sub(upTo, sum);
    Value found[3] = {number(0), number(0), number(0)};
    for (int64_t i = 0; i < kLaneDigits; ++i) {
      Value after = e.add(before, count[static_cast<size_t>(i)]);
      Value here = e.bitAnd(e.less(before, rank), e.less(rank, e.add(after, number(1))));
      Value digit = e.add(e.shiftLeft(wave.lane(), 3), number(i));
      Value facts[3] = {digit, before, count[static_cast<size_t>(i)]};
      for (int f = 0; f < 3; ++f)
        found[f] = e.select(here, facts[f], found[f]);
      before = after;
    }
    for (Value &fact : found)
      fact = wave.uniform(wave.reduce(fact, [&](Value a, Value b) { return e.bitOr(a, b); }));
    return {found[0], found[1], found[2]};
  }

  /// Whether (key, index) comes after `place`.
  Value isAfter(const Place &place, Value key, Value index) {
    Value beyond = compare(arith::CmpIPredicate::ugt, key, place.key);
    Value equal = e.equal(key, place.key);
    return e.bitOr(beyond, e.bitAnd(equal, e.less(place.index, index)));
  }

  /// Brings what lies after `from` (if that is given) and not after `to` into shared memory, in any
  /// order. What is left of the array sorts to its end.
  void collect(const Place &to, const std::optional<Place> &from) {
    e.loop(wave.thread(), e.constant(sorted), wave.threads(), [&](Value i) {
      storeElement(e, keyType, e.constant(keyType, -1), keys, i);
      storeElement(e, e.i32(), number(kNoIndex), indices, i);
    });
    e.ifThen(e.equal(wave.thread(), e.constant(0)), [&] { e.store(number(0), collected, 4); });
    wave.barrier();
    eachKey([&](Value i, Value key, Value exists) {
      Value taken = e.bitAnd(exists, e.equal(isAfter(to, key, i), e.constant(e.i1(), 0)));
      if (from)
        taken = e.bitAnd(taken, isAfter(*from, key, i));
      e.ifThen(taken, [&] {
        Value slot = wave.addAtomic(collected, number(1));
        storeElement(e, keyType, key, keys, slot);
        storeElement(e, e.i32(), i, indices, slot);
      });
    });
    wave.barrier();
  }

  /// Bitonic sort (Batcher 1968) of the collected: after step `size`, stretches of 2^size are
  /// sorted, every other one backwards.
  void sort() {
    Value one = number(1);
    e.loop(one, e.constant(bitsFor(sorted) + 1), 1, [&](Value size) {
      e.loop(e.constant(0), size, 1, [&](Value done) {
        Value bits = e.sub(e.sub(size, one), done), stride = shiftLeft(one, bits);
        e.loop(wave.thread(), e.constant(sorted / 2), wave.threads(), [&](Value pair) {
          Value low = e.bitAnd(pair, e.sub(stride, one));
          Value i = e.add(e.shiftLeft(e.sub(pair, low), 1), low), j = e.add(i, stride);
          Place a = at(i), b = at(j);
          Value backwards = e.bitAnd(e.shiftRight(i, size), one);
          Value isDescending = e.zeroExtend(isAfter(b, a.key, a.index), e.i32());
          e.ifThen(compare(arith::CmpIPredicate::ne, isDescending, backwards), [&] {
            put(i, b);
            put(j, a);
          });
        });
        wave.barrier();
      });
    });
  }

  Place at(Value i) {
    return {loadElement(e, keyType, keys, i), loadElement(e, e.i32(), indices, i)};
  }
  void put(Value i, const Place &place) {
    storeElement(e, keyType, place.key, keys, i);
    storeElement(e, e.i32(), place.index, indices, i);
  }

  /// The first `count` of the sorted are the row's result from `first` on.
  void store(Value first, Value count) {
    Value begin = e.add(e.mul(wave.group(), e.constant(k)), first);
    e.loop(wave.thread(), count, wave.threads(), [&](Value i) {
      storeElement(e, e.i32(), loadElement(e, e.i32(), indices, i), kernel.resultPointer(0),
                   e.add(begin, i));
    });
    wave.barrier(); // before the next round collects
  }

  Emit &e;
  KernelContext &kernel;
  TopKOp op;
  Shape shape, outer;
  int64_t most; // elements of a row
  Wave wave;
  ElementEmitter elements;
  Type element, keyType;
  int64_t k, sorted;                      // `sorted`: places to collect in, a power of two
  Value counts, collected, keys, indices; // shared memory
  Value length;
  Values row;
};

} // namespace

void emitLaneTopK(Emit &e, KernelContext &kernel) { LaneTopK(e, kernel).emit(); }

} // namespace rosso

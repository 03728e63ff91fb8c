// topk: the indices of the largest elements of each row, by a stable radix sort of the whole row.
//
// Keys are 32-bit integers that grow as the elements fall; four passes of eight bits move (key,
// index) pairs between two arrays in stack memory. A NaN counts as larger than any number.
#include "codegen/ElementEmitter.h"
#include "codegen/templates/Templates.h"

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kDigits = 256;

/// An i32 whose unsigned order is the descending order of the elements.
Value descendingKey(Emit &e, Value x, bool isUnsigned) {
  constexpr int64_t kSign = INT64_C(-2147483648);
  if (isa<FloatType>(x.getType())) {
    x = e.addF(e.extendFloat(x, e.f32()), e.zero(e.f32())); // -0 becomes 0
    Value bits = e.bitcast(x, e.i32());
    Value negative = e.less(bits, e.zero(e.i32()));
    Value ascending = e.select(negative, e.bitXor(bits, -1), e.bitXor(bits, kSign));
    Value isNan = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::UNO, x, x);
    return e.bitXor(e.select(isNan, e.constant(e.i32(), -1), ascending), -1);
  }
  Value wide = isUnsigned ? e.zeroExtend(x, e.i32()) : e.signExtend(x, e.i32());
  return e.bitXor(isUnsigned ? wide : e.bitXor(wide, kSign), -1);
}

} // namespace

void emitTopK(Emit &e, KernelContext &kernel) {
  auto op = cast<TopKOp>(kernel.op.getBody()->front());
  Shape shape = shapeOf(op.getSource()), outer(shape.begin(), shape.end() - 1);
  Type element = tensorOf(op.getSource()).getElementType();
  int64_t most = shape.back().max(kernel.vars);
  kernel.grid.clear();
  for (const Dim &extent : outer)
    kernel.grid.push_back({.extent = extent});
  if (kernel.grid.empty())
    kernel.grid.push_back({.extent = Dim(1)});

  ElementEmitter elements(e, kernel);
  Value keys[2], indices[2];
  for (int side : {0, 1}) {
    keys[side] = e.stack(most * 4);
    indices[side] = e.stack(most * 4);
  }
  Value places = e.stack(kDigits * 4);
  Value length = kernel.extent(e, shape.back()), zero = e.constant(0);
  auto get = [&](Value array, Value i) { return loadElement(e, e.i32(), array, i); };
  auto put = [&](Value array, Value i, Value v) { storeElement(e, e.i32(), v, array, i); };

  e.loop(kernel.begin, kernel.end, 1, [&](Value item) {
    ElementEmitter::Scope scope(elements);
    Values row = delinearIndex(e, kernel, outer, item);
    e.loop(zero, length, 1, [&](Value i) {
      ElementEmitter::Scope elementScope(elements);
      Values index(row);
      index.push_back(i);
      Value x = elements.element(op.getSource(), index);
      put(keys[0], i, descendingKey(e, x, element.isUnsignedInteger()));
      put(indices[0], i, e.truncate(i, e.i32()));
    });
    for (int pass = 0; pass < 4; ++pass) {
      int from = pass % 2, to = 1 - from;
      auto digit = [&](Value key) {
        return e.zeroExtend(e.bitAnd(e.shiftRight(key, 8 * pass), kDigits - 1), e.i64());
      };
      e.loop(zero, e.constant(kDigits), 1, [&](Value i) { put(places, i, e.zero(e.i32())); });
      e.loop(zero, length, 1, [&](Value i) {
        Value d = digit(get(keys[from], i));
        put(places, d, e.add(get(places, d), e.constant(e.i32(), 1)));
      });
      e.loop(zero, e.constant(kDigits), 1, e.zero(e.i32()),
             [&](Value i, ValueRange carried) -> Values {
               Value count = get(places, i);
               put(places, i, carried[0]);
               return {e.add(carried[0], count)};
             });
      e.loop(zero, length, 1, [&](Value i) {
        Value key = get(keys[from], i), d = digit(key), place = get(places, d);
        put(places, d, e.add(place, e.constant(e.i32(), 1)));
        Value target = e.zeroExtend(place, e.i64());
        put(keys[to], target, key);
        put(indices[to], target, get(indices[from], i));
      });
    }
    Value k = e.constant(op.getK());
    e.loop(zero, k, 1, [&](Value i) {
      put(kernel.resultPointer(0), e.add(e.mul(item, k), i), get(indices[0], i));
    });
  });
}

} // namespace rosso

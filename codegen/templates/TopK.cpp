// topk: the indices of the largest elements of each row, by a stable radix sort of the whole row.
//
// Keys are integers of 32 bits (64 for elements of 64) that grow as the elements fall; passes of
// eight bits move (key, index) pairs between two arrays in stack memory. A NaN counts as larger
// than any number.
#include "codegen/ElementEmitter.h"
#include "codegen/templates/Templates.h"

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kDigits = 256;

/// An integer whose unsigned order is the descending order of the elements.
Value descendingKey(Emit &e, Value x, Type key, bool isUnsigned) {
  const int64_t sign = key.isInteger(64) ? INT64_MIN : int64_t{INT32_MIN};
  if (auto type = dyn_cast<FloatType>(x.getType())) {
    if (type.getWidth() < 32)
      x = e.extendFloat(x, e.f32());
    x = e.addF(x, e.zero(x.getType())); // -0 becomes 0
    Value bits = e.bitcast(x, key);
    Value negative = e.less(bits, e.zero(key));
    Value ascending = e.select(negative, e.bitXor(bits, -1), e.bitXor(bits, sign));
    Value isNan = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::UNO, x, x);
    return e.bitXor(e.select(isNan, e.constant(key, -1), ascending), -1);
  }
  if (x.getType() != key)
    x = isUnsigned ? e.zeroExtend(x, key) : e.signExtend(x, key);
  return e.bitXor(isUnsigned ? x : e.bitXor(x, sign), -1);
}

} // namespace

void emitTopK(Emit &e, KernelContext &kernel) {
  auto op = cast<TopKOp>(kernel.op.getBody()->front());
  Shape shape = shapeOf(op.getSource()), outer(shape.begin(), shape.end() - 1);
  Type element = tensorOf(op.getSource()).getElementType();
  bool isWide = element.getIntOrFloatBitWidth() > 32;
  Type keyType = isWide ? Type(e.i64()) : Type(e.i32());
  int64_t most = shape.back().max(kernel.vars);
  kernel.grid = gridOver(outer);

  ElementEmitter elements(e, kernel);
  Value keys[2], indices[2];
  for (int side : {0, 1}) {
    keys[side] = e.stack(most * (isWide ? 8 : 4));
    indices[side] = e.stack(most * 4);
  }
  Value places = e.stack(kDigits * 4);
  Value length = kernel.extent(e, shape.back()), zero = e.constant(0);
  auto getKey = [&](Value array, Value i) { return loadElement(e, keyType, array, i); };
  auto putKey = [&](Value array, Value i, Value v) { storeElement(e, keyType, v, array, i); };
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
      putKey(keys[0], i, descendingKey(e, x, keyType, element.isUnsignedInteger()));
      put(indices[0], i, e.truncate(i, e.i32()));
    });
    for (int pass = 0; pass < (isWide ? 8 : 4); ++pass) {
      int from = pass % 2, to = 1 - from;
      auto digit = [&](Value key) {
        Value low = e.bitAnd(e.shiftRight(key, 8 * pass), kDigits - 1);
        return isWide ? low : e.zeroExtend(low, e.index());
      };
      e.loop(zero, e.constant(kDigits), 1, [&](Value i) { put(places, i, e.zero(e.i32())); });
      e.loop(zero, length, 1, [&](Value i) {
        Value d = digit(getKey(keys[from], i));
        put(places, d, e.add(get(places, d), e.constant(e.i32(), 1)));
      });
      e.loop(zero, e.constant(kDigits), 1, e.zero(e.i32()),
             [&](Value i, ValueRange carried) -> Values {
               Value count = get(places, i);
               put(places, i, carried[0]);
               return {e.add(carried[0], count)};
             });
      e.loop(zero, length, 1, [&](Value i) {
        Value key = getKey(keys[from], i), d = digit(key), place = get(places, d);
        put(places, d, e.add(place, e.constant(e.i32(), 1)));
        Value target = e.zeroExtend(place, e.index());
        putKey(keys[to], target, key);
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

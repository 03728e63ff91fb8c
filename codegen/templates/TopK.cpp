// topk: the indices of the largest elements of each row, by a stable radix sort of the whole row.
//
// Keys are integers of 32 bits (64 for elements of 64) that grow as the elements fall; passes of
// eight bits move (key, index) pairs between two arrays in stack memory. A NaN counts as larger
// than any number.
#include "codegen/ElementEmitter.h"
#include "codegen/templates/SortKey.h"
#include "codegen/templates/Templates.h"

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kDigits = 256;

} // namespace

void emitTopK(Emit &e, KernelContext &kernel) {
  auto op = cast<TopKOp>(kernel.op.getBody()->front());
  Shape shape = shapeOf(op.getSource()), outer(shape.begin(), shape.end() - 1);
  Type element = tensorOf(op.getSource()).getElementType();
  Type keyType = sortKeyType(e, element);
  bool isWide = keyType.isInteger(64);
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
      putKey(keys[0], i, descendingKey(e, x, element));
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

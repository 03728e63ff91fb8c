// topk: the indices of the largest elements of each row, by a stable radix sort.
//
// Keys are integers of 32 bits (64 for elements of 64) that grow as the elements fall; each pass
// moves (key, index) pairs between two arrays by a digit of their keys. A NaN counts as larger than
// any number. Where few of a long row are wanted, only those are sorted whose highest digit is
// among the first: the others are passed over once.
#include "codegen/ElementEmitter.h"
#include "codegen/templates/SortKey.h"
#include "codegen/templates/Templates.h"

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kLongRow = 4096;        // of which larger digits, and a selection, pay
constexpr int64_t kStackBytes = 64 << 10; // what a row may take of the stack

struct Form {
  TopKOp op;
  Shape shape, outer;
  Type element;
  int64_t most = 0; // elements of a row
  int64_t keyBytes = 4;
  int64_t bytes() const { return most * 2 * (keyBytes + 4); }
};

Form formOf(const KernelContext &kernel) {
  KernelOp kernelOp = kernel.op;
  Form form;
  form.op = cast<TopKOp>(kernelOp.getBody()->front());
  form.shape = shapeOf(form.op.getSource());
  form.outer = Shape(form.shape.begin(), form.shape.end() - 1);
  form.element = tensorOf(form.op.getSource()).getElementType();
  form.most = std::max<int64_t>(form.shape.back().max(kernel.vars), 1);
  form.keyBytes = form.element.getIntOrFloatBitWidth() > 32 ? 8 : 4;
  return form;
}

class TopKEmitter {
public:
  TopKEmitter(Emit &emit, KernelContext &context)
      : e(emit), kernel(context), elements(emit, context), form(formOf(context)) {
    keyType = sortKeyType(e, form.element);
    digitBits = form.most > kLongRow ? 11 : 8;
    kernel.grid = gridOver(form.outer);
  }

  void emit() {
    const bool onStack = form.bytes() <= kStackBytes;
    kernel.scratchBytes = onStack ? 0 : form.bytes();
    Value memory = onStack ? e.stack(form.bytes()) : kernel.workspace;
    for (int side : {0, 1}) {
      keys[side] = e.at(memory, e.constant(side * form.most * form.keyBytes));
      indices[side] = e.at(memory, e.constant((2 * form.keyBytes + side * 4) * form.most));
    }
    places = e.stack((int64_t{1} << digitBits) * 4);
    length = kernel.extent(e, form.shape.back());
    const auto k = static_cast<int64_t>(form.op.getK());
    e.loop(kernel.begin, kernel.end, 1, [&](Value item) {
      ElementEmitter::Scope scope(elements);
      Values row = delinearIndex(e, kernel, form.outer, item);
      Value count = form.most > kLongRow && k <= form.most / 8 ? selectLargest(row) : takeAll(row);
      const int64_t bits = form.keyBytes * 8;
      int from = 0;
      for (int64_t shift = 0; shift < bits; shift += digitBits, from = 1 - from)
        sortBy(shift, from, count);
      e.loop(zero(), e.constant(k), 1, [&](Value i) {
        put(kernel.resultPointer(0), e.add(e.mul(item, e.constant(k)), i), get(indices[from], i));
      });
    });
  }

private:
  Value zero() { return e.constant(0); }
  Value getKey(Value array, Value i) { return loadElement(e, keyType, array, i); }
  void putKey(Value array, Value i, Value v) { storeElement(e, keyType, v, array, i); }
  Value get(Value array, Value i) { return loadElement(e, e.i32(), array, i); }
  void put(Value array, Value i, Value v) { storeElement(e, e.i32(), v, array, i); }

  Value digitOf(Value key, int64_t shift) {
    Value low = e.bitAnd(e.shiftRight(key, shift), (int64_t{1} << digitBits) - 1);
    return e.zeroExtend(low, e.index());
  }

  Value keyAt(ValueRange row, Value i) {
    Values index(row);
    index.push_back(i);
    return descendingKey(e, elements.element(form.op.getSource(), index), form.element);
  }

  Value takeAll(ValueRange row) {
    e.loop(zero(), length, 1, [&](Value i) {
      ElementEmitter::Scope scope(elements);
      putKey(keys[0], i, keyAt(row, i));
      put(indices[0], i, e.truncate(i, e.i32()));
    });
    return length;
  }

  void clearPlaces() {
    e.loop(zero(), e.constant(int64_t{1} << digitBits), 1,
           [&](Value i) { put(places, i, e.zero(e.i32())); });
  }
  void countDigit(Value digit) {
    put(places, digit, e.add(get(places, digit), e.constant(e.i32(), 1)));
  }

  /// The elements whose highest digit is no larger than that of the k-th largest, in their order.
  Value selectLargest(ValueRange row) {
    const int64_t shift = form.keyBytes * 8 - digitBits;
    clearPlaces();
    e.loop(zero(), length, 1, [&](Value i) {
      ElementEmitter::Scope scope(elements);
      Value key = keyAt(row, i);
      putKey(keys[1], i, key);
      countDigit(digitOf(key, shift));
    });
    // The digits below which there are too few.
    Value k = e.constant(e.i32(), static_cast<int64_t>(form.op.getK()));
    Value last =
        e.loop(zero(), e.constant(int64_t{1} << digitBits), 1, {e.zero(e.i32()), e.constant(0)},
               [&](Value i, ValueRange carried) -> Values {
                 Value before = e.less(carried[0], k);
                 return {e.add(carried[0], get(places, i)), e.select(before, i, carried[1])};
               })[1];
    return e.loop(zero(), length, 1, zero(), [&](Value i, ValueRange carried) -> Values {
      Value key = getKey(keys[1], i);
      putKey(keys[0], carried[0], key);
      put(indices[0], carried[0], e.truncate(i, e.i32()));
      Value stays = e.less(digitOf(key, shift), e.add(last, e.constant(1)));
      return {e.add(carried[0], e.zeroExtend(stays, e.index()))};
    })[0];
  }

  void sortBy(int64_t shift, int from, Value count) {
    const int to = 1 - from;
    clearPlaces();
    e.loop(zero(), count, 1, [&](Value i) { countDigit(digitOf(getKey(keys[from], i), shift)); });
    e.loop(zero(), e.constant(int64_t{1} << digitBits), 1, e.zero(e.i32()),
           [&](Value i, ValueRange carried) -> Values {
             Value number = get(places, i);
             put(places, i, carried[0]);
             return {e.add(carried[0], number)};
           });
    e.loop(zero(), count, 1, [&](Value i) {
      Value key = getKey(keys[from], i), digit = digitOf(key, shift), place = get(places, digit);
      put(places, digit, e.add(place, e.constant(e.i32(), 1)));
      Value target = e.zeroExtend(place, e.index());
      putKey(keys[to], target, key);
      put(indices[to], target, get(indices[from], i));
    });
  }

  Emit &e;
  KernelContext &kernel;
  ElementEmitter elements;
  Form form;
  Type keyType;
  int64_t digitBits = 8;
  Value keys[2], indices[2], places, length;
};

} // namespace

void emitTopK(Emit &e, KernelContext &kernel) { TopKEmitter(e, kernel).emit(); }

} // namespace rosso

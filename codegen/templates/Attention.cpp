// attention: softmax(q k^T scale + mask) v, one query row to a work item: decode, and whatever
// AttentionTile.cpp does not take.
//
// Keys are taken in blocks of 64 positions: their scores go to stack memory, are turned into
// weights there, and the block's values are added to the row's sum, which stays in registers. The
// largest score so far scales everything (Milakov and Gimelshein 2018), so that one pass over the
// cache is enough whatever its length.
#include "codegen/ElementEmitter.h"
#include "codegen/templates/CacheReader.h"
#include "codegen/templates/Templates.h"

#include <algorithm>

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kBlock = 64; // positions
constexpr int64_t kLanes = 16; // of the vectors of scores

int64_t lanesFor(int64_t width) {
  int64_t lanes = kLanes;
  while (width % lanes)
    lanes /= 2;
  return lanes;
}

} // namespace

void emitAttentionRow(Emit &e, KernelContext &kernel) {
  auto op = *kernel.op.getBody()->getOps<AttentionOp>().begin();
  Shape q = shapeOf(op.getQuery()), v = shapeOf(op.getValue());
  int64_t headsPerKv = q[0].constant() / op.kvHeadCount();
  int64_t keyWidth = q[2].constant(), valueWidth = v[2].constant();
  int64_t keyLanes = lanesFor(keyWidth), valueLanes = lanesFor(valueWidth);
  int64_t keyVectors = keyWidth / keyLanes, valueVectors = valueWidth / valueLanes;
  kernel.grid = {{.extent = q[0]}, {.extent = q[1]}};
  kernel.schedule = "positions " + std::to_string(kBlock);

  ElementEmitter elements(e, kernel);
  CacheReader keys(e, kernel, op.getKey(), keyLanes), values(e, kernel, op.getValue(), valueLanes);
  Value queries = kernel.pointerOf(op.getQuery());
  Value length = kernel.extent(e, dimOf(op.getLength()));
  Value tokens = kernel.extent(e, q[1]);
  Value scores = e.stack(kBlock * 4);
  Type keyType = e.vectorOf(e.f32(), keyLanes), valueType = e.vectorOf(e.f32(), valueLanes);
  Type scoreType = e.vectorOf(e.f32(), kLanes);
  Value minusInfinity = e.constantFloat(e.f32(), -INFINITY);

  e.loop(kernel.begin, kernel.end, 1, [&](Value item) {
    ElementEmitter::Scope scope(elements);
    Value head = e.divide(item, tokens), token = e.remainder(item, tokens);
    Value kvHead = e.divide(head, e.constant(headsPerKv));
    Value visible = length;
    if (op.getCausal())
      visible = e.add(e.sub(length, tokens), e.add(token, e.constant(1)));
    Value queryRow = e.at(queries, e.mul(item, e.constant(keyWidth * 4)));
    Value scale = e.splat(e.constantFloat(e.f32(), op.getScale().convertToDouble()), keyLanes);
    Values query;
    for (int64_t j = 0; j < keyVectors; ++j)
      query.push_back(e.mulF(e.load(keyType, e.at(queryRow, j * keyLanes * 4), 4), scale));

    // Carried: the largest score, the sum of weights, the weighted sum of values.
    Values start{minusInfinity, e.zero(e.f32())};
    start.append(static_cast<size_t>(valueVectors), e.zero(valueType));
    Values end =
        e.loop(e.constant(0), visible, kBlock, start, [&](Value first, ValueRange carried) {
          ElementEmitter::Scope blockScope(elements);
          Value count = e.minimum(e.sub(visible, first), e.constant(kBlock));
          e.loop(e.constant(0), count, 1, [&](Value i) {
            ElementEmitter::Scope positionScope(elements);
            Value position = e.add(first, i);
            Value row = keys.row(kvHead, position);
            Value sum = e.mulF(query[0], keys.vector(row, 0));
            for (int64_t j = 1; j < keyVectors; ++j)
              sum = e.fma(query[j], keys.vector(row, j), sum);
            Value score = keyLanes == 1 ? sum : e.reduceAddF(sum);
            if (Value mask = op.getMask()) {
              Values index{token, position};
              if (shapeOf(mask).size() == 3)
                index.insert(index.begin(), head);
              score = e.addF(score, e.extendFloat(elements.element(mask, index), e.f32()));
            }
            storeElement(e, e.f32(), score, scores, i);
          });
          e.loop(count, e.constant(kBlock), 1,
                 [&](Value i) { storeElement(e, e.f32(), minusInfinity, scores, i); });

          Values vectors;
          Value largest;
          for (int64_t j = 0; j < kBlock / kLanes; ++j) {
            vectors.push_back(e.load(scoreType, e.at(scores, j * kLanes * 4), 64));
            largest = largest ? Value(arith::MaxNumFOp::create(e.b, e.loc, largest, vectors.back()))
                              : vectors.back();
          }
          // Rows with nothing to see yet must not make infinity minus infinity.
          Value maximum = arith::MaxNumFOp::create(
              e.b, e.loc, e.reduceMaxF(largest),
              arith::MaxNumFOp::create(e.b, e.loc, carried[0], e.constantFloat(e.f32(), -1e30)));
          Value rescale = e.exp(e.subF(carried[0], maximum));
          Value total = e.zero(scoreType);
          for (int64_t j = 0; j < kBlock / kLanes; ++j) {
            Value weight = e.exp(e.subF(vectors[j], e.splat(maximum, kLanes)));
            e.store(weight, e.at(scores, j * kLanes * 4), 64);
            total = e.addF(total, weight);
          }
          Values next{maximum, e.fma(carried[1], rescale, e.reduceAddF(total))};
          Values sums;
          for (int64_t j = 0; j < valueVectors; ++j)
            sums.push_back(e.mulF(carried[2 + j], e.splat(rescale, valueLanes)));
          sums = e.loop(e.constant(0), count, 1, sums, [&](Value i, ValueRange before) {
            Value weight = e.splat(loadElement(e, e.f32(), scores, i), valueLanes);
            Value row = values.row(kvHead, e.add(first, i));
            Values after;
            for (int64_t j = 0; j < valueVectors; ++j)
              after.push_back(e.fma(weight, values.vector(row, j), before[j]));
            return after;
          });
          next.append(sums);
          return next;
        });
    Value inverse = e.divF(e.constantFloat(e.f32(), 1), end[1]);
    Value resultRow = e.at(kernel.resultPointer(0), e.mul(item, e.constant(valueWidth * 4)));
    for (int64_t j = 0; j < valueVectors; ++j)
      e.store(e.mulF(end[2 + j], e.splat(inverse, valueLanes)), e.at(resultRow, j * valueLanes * 4),
              4);
  });
}

} // namespace rosso

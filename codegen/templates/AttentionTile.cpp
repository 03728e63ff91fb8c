// attention for many tokens: a work item is a head and a tile of 16 query rows.
//
// Both products are matrix products over blocks of 64 positions. The block's keys are transposed
// into stack memory, [d][64], so that scores need no sums across lanes; four query rows share each
// load of them. Scores become weights in place, row by row (the running maximum of Attention.cpp),
// and the weighted values are added to the rows' sums, several rows for each load of a value row.
//
//   keys     [d][64] f32    32 KiB for d = 128, with the rest just within the first-level cache
//   scores   [16][64] f32   weights after the second step
//   sums     [16][d] f32    and the largest score and the sum of weights of each row
#include "codegen/ElementEmitter.h"
#include "codegen/templates/CacheReader.h"
#include "codegen/templates/Templates.h"
#include "codegen/templates/Transpose.h"

#include <algorithm>

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kRows = 16;  // query rows of a tile
constexpr int64_t kBlock = 64; // positions
constexpr int64_t kLanes = 16;
constexpr int64_t kBlockVectors = kBlock / kLanes;
constexpr int64_t kShare = 4; // query rows that share a load of keys
constexpr int64_t kSums = 16; // registers for weighted sums of values

class AttentionTile {
public:
  AttentionTile(Emit &emit, KernelContext &context)
      : e(emit), kernel(context), elements(emit, context),
        op(*context.op.getBody()->getOps<AttentionOp>().begin()),
        keys(emit, context, op.getKey(), kLanes), values(emit, context, op.getValue(), kLanes) {
    Shape q = shapeOf(op.getQuery()), v = shapeOf(op.getValue());
    keyWidth = q[2].constant();
    valueVectors = v[2].constant() / kLanes;
    headsPerKv = q[0].constant() / op.kvHeadCount();
    kernel.grid = {{.extent = q[0]}, {.extent = q[1], .tile = kRows}};
    kernel.schedule = "rows 16, positions 64";
    tokens = kernel.extent(e, q[1]);
    length = kernel.extent(e, dimOf(op.getLength()));
    vector = e.vectorOf(e.f32(), kLanes);
    keyBlock = e.stack(keyWidth * kBlock * 4);
    scores = e.stack(kRows * kBlock * 4);
    sums = e.stack(kRows * valueVectors * kLanes * 4);
    maxima = e.stack(kRows * 4);
    totals = e.stack(kRows * 4);
  }

  void emit() {
    Value tiles = e.ceilDivide(tokens, kRows);
    e.loop(kernel.begin, kernel.end, 1, [&](Value item) {
      head = e.divide(item, tiles);
      kvHead = e.divide(head, e.constant(headsPerKv));
      firstToken = e.mul(e.remainder(item, tiles), e.constant(kRows));
      rows = e.minimum(e.sub(tokens, firstToken), e.constant(kRows));
      seen = visible(e.sub(rows, e.constant(1)));
      start();
      e.loop(e.constant(0), seen, kBlock, [&](Value first) {
        loadKeys(first);
        score();
        weigh(first);
        addValues(first);
      });
      finish();
    });
  }

private:
  /// How many positions row `row` of the tile sees.
  Value visible(Value row) {
    if (!op.getCausal())
      return length;
    Value token = e.add(firstToken, row);
    return e.add(e.sub(length, tokens), e.add(token, e.constant(1)));
  }
  Value scoreAt(Value row, int64_t j) {
    return e.at(scores, e.add(e.mul(row, e.constant(kBlock * 4)), e.constant(j * kLanes * 4)));
  }
  Value sumAt(Value row, int64_t j) {
    return e.at(
        sums, e.add(e.mul(row, e.constant(valueVectors * kLanes * 4)), e.constant(j * kLanes * 4)));
  }
  /// Address of query row `row`; of rows that do not exist the last that does.
  Value queryAt(Value row) {
    Value token = e.add(firstToken, e.minimum(row, e.sub(rows, e.constant(1))));
    Value index = e.add(e.mul(head, tokens), token);
    return e.at(kernel.pointerOf(op.getQuery()), e.mul(index, e.constant(keyWidth * 4)));
  }

  void start() {
    e.store(e.constantFloat(vector, -INFINITY), maxima, 64);
    e.store(e.zero(vector), totals, 64);
    e.loop(e.constant(0), e.constant(kRows), 1, [&](Value row) {
      for (int64_t j = 0; j < valueVectors; ++j)
        e.store(e.zero(vector), sumAt(row, j), 64);
    });
  }

  /// Keys of positions [first, first + 64), transposed 16 by 16. Positions nobody sees repeat the
  /// last one: their scores are thrown away.
  void loadKeys(Value first) {
    Value last = e.sub(seen, e.constant(1));
    e.loop(e.constant(0), e.constant(kBlock), kLanes, [&](Value part) {
      Values addresses;
      for (int64_t i = 0; i < kLanes; ++i) {
        Value position = e.minimum(e.add(first, e.add(part, e.constant(i))), last);
        addresses.push_back(keys.row(kvHead, position));
      }
      Value target = e.at(keyBlock, e.mul(part, e.constant(4)));
      auto transposeSquare = [&](int64_t j, Value skip) { // `skip` bytes of a row, 16 rows
        Values block;
        for (Value address : addresses)
          block.push_back(keys.vector(e.at(address, skip), j));
        transpose(e, block);
        for (int64_t i = 0; i < kLanes; ++i)
          e.store(block[static_cast<size_t>(i)], e.at(target, (j * kLanes + i) * kBlock * 4), 64);
      };
      Type element = tensorOf(op.getKey()).getElementType();
      if (formatOf(element)) { // where elements lie depends on j
        for (int64_t j = 0; j < keyWidth / kLanes; ++j)
          transposeSquare(j, e.constant(0));
        return;
      }
      Value keyRows = target;
      e.loop(e.constant(0), e.constant(keyWidth), kLanes, [&](Value k) {
        target = e.at(keyRows, e.mul(k, e.constant(kBlock * 4)));
        transposeSquare(0, e.mul(k, e.constant(element.getIntOrFloatBitWidth() / 8)));
      });
    });
  }

  /// scores = q k^T of the block, four rows at a time.
  void score() {
    e.loop(e.constant(0), rows, kShare, [&](Value row) {
      Values queries;
      for (int64_t i = 0; i < kShare; ++i)
        queries.push_back(queryAt(e.add(row, e.constant(i))));
      Values products =
          e.loop(e.constant(0), e.constant(keyWidth), 1,
                 Values(kShare * kBlockVectors, e.zero(vector)), [&](Value k, ValueRange carried) {
                   Values keyVectors, next;
                   Value keyRow = e.at(keyBlock, e.mul(k, e.constant(kBlock * 4)));
                   for (int64_t j = 0; j < kBlockVectors; ++j)
                     keyVectors.push_back(e.load(vector, e.at(keyRow, j * kLanes * 4), 64));
                   for (int64_t i = 0; i < kShare; ++i) {
                     Value x = e.splat(loadElement(e, e.f32(), queries[static_cast<size_t>(i)], k),
                                       kLanes);
                     for (int64_t j = 0; j < kBlockVectors; ++j)
                       next.push_back(e.fma(x, keyVectors[static_cast<size_t>(j)],
                                            carried[static_cast<size_t>(i * kBlockVectors + j)]));
                   }
                   return next;
                 });
      for (int64_t i = 0; i < kShare; ++i)
        for (int64_t j = 0; j < kBlockVectors; ++j)
          e.store(products[static_cast<size_t>(i * kBlockVectors + j)],
                  scoreAt(e.add(row, e.constant(i)), j), 64);
    });
  }

  /// score * scale + mask, for the positions that the row sees: the loop vectoriser's work.
  void addMask(Value row, Value first) {
    Value mask = op.getMask();
    if (!mask)
      return;
    Value scale = e.constantFloat(e.f32(), op.getScale().convertToDouble());
    Value scoreRow = scoreAt(row, 0);
    Value count = e.minimum(e.sub(visible(row), first), e.constant(kBlock));
    e.loop(e.constant(0), count, 1, [&](Value i) {
      ElementEmitter::Scope scope(elements);
      Values index{e.add(firstToken, row), e.add(first, i)};
      if (shapeOf(mask).size() == 3)
        index.insert(index.begin(), head);
      Value added = e.extendFloat(elements.element(mask, index), e.f32());
      Value score = e.mulF(loadElement(e, e.f32(), scoreRow, i), scale);
      storeElement(e, e.f32(), e.addF(score, added), scoreRow, i);
    });
  }

  /// Scores to weights exp(score - largest so far); rescales what was summed before.
  void weigh(Value first) {
    llvm::SmallVector<int32_t> numbers;
    for (int32_t l = 0; l < kLanes; ++l)
      numbers.push_back(l);
    auto laneType = VectorType::get({kLanes}, e.i32());
    Value lanes = arith::ConstantOp::create(
        e.b, e.loc, DenseElementsAttr::get(laneType, ArrayRef<int32_t>(numbers)));
    Value scale = e.splat(e.constantFloat(e.f32(), op.getScale().convertToDouble()), kLanes);
    e.loop(e.constant(0), rows, 1, [&](Value row) {
      ElementEmitter::Scope scope(elements);
      addMask(row, first);
      Value left = e.truncate(e.sub(visible(row), first), e.i32()); // positions of the block seen
      Values vectors;
      Value largest;
      for (int64_t j = 0; j < kBlockVectors; ++j) {
        Value inside = e.less(lanes, e.splat(e.sub(left, e.constant(e.i32(), j * kLanes)), kLanes));
        Value scaled = e.load(vector, scoreAt(row, j), 64);
        if (!op.getMask())
          scaled = e.mulF(scaled, scale);
        vectors.push_back(e.select(inside, scaled, e.constantFloat(vector, -INFINITY)));
        largest = largest ? Value(arith::MaxNumFOp::create(e.b, e.loc, largest, vectors.back()))
                          : vectors.back();
      }
      Value before = loadElement(e, e.f32(), maxima, row);
      // A row that sees nothing of the first blocks must not make infinity minus infinity.
      Value maximum = arith::MaxNumFOp::create(
          e.b, e.loc, e.reduceMaxF(largest),
          arith::MaxNumFOp::create(e.b, e.loc, before, e.constantFloat(e.f32(), -1e30)));
      Value total = e.zero(vector);
      for (int64_t j = 0; j < kBlockVectors; ++j) {
        Value weight = e.exp(e.subF(vectors[static_cast<size_t>(j)], e.splat(maximum, kLanes)));
        e.store(weight, scoreAt(row, j), 64);
        total = e.addF(total, weight);
      }
      Value rescale = e.exp(e.subF(before, maximum));
      Value sum = e.fma(loadElement(e, e.f32(), totals, row), rescale, e.reduceAddF(total));
      storeElement(e, e.f32(), maximum, maxima, row);
      storeElement(e, e.f32(), sum, totals, row);
      Value grown = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::OLT, before, maximum);
      e.ifThen(grown, [&] {
        for (int64_t j = 0; j < valueVectors; ++j)
          e.store(e.mulF(e.load(vector, sumAt(row, j), 64), e.splat(rescale, kLanes)),
                  sumAt(row, j), 64);
      });
    });
  }

  /// sums += weights * values of the block.
  void addValues(Value first) {
    Value count = e.minimum(e.sub(seen, first), e.constant(kBlock));
    int64_t share = std::max<int64_t>(1, kSums / valueVectors);
    while (kRows % share)
      --share;
    e.loop(e.constant(0), rows, share, [&](Value row) {
      Values start;
      for (int64_t i = 0; i < share; ++i)
        for (int64_t j = 0; j < valueVectors; ++j)
          start.push_back(e.load(vector, sumAt(e.add(row, e.constant(i)), j), 64));
      Values end = e.loop(e.constant(0), count, 1, start, [&](Value p, ValueRange carried) {
        Value valueRow = values.row(kvHead, e.add(first, p));
        Values next(carried);
        Values weights;
        for (int64_t i = 0; i < share; ++i) {
          Value at = scoreAt(e.add(row, e.constant(i)), 0);
          weights.push_back(e.splat(loadElement(e, e.f32(), at, p), kLanes));
        }
        for (int64_t j = 0; j < valueVectors; ++j) {
          Value value = values.vector(valueRow, j);
          for (int64_t i = 0; i < share; ++i) {
            Value &sum = next[static_cast<size_t>(i * valueVectors + j)];
            sum = e.fma(weights[static_cast<size_t>(i)], value, sum);
          }
        }
        return next;
      });
      for (int64_t i = 0; i < share; ++i)
        for (int64_t j = 0; j < valueVectors; ++j)
          e.store(end[static_cast<size_t>(i * valueVectors + j)],
                  sumAt(e.add(row, e.constant(i)), j), 64);
    });
  }

  void finish() {
    e.loop(e.constant(0), rows, 1, [&](Value row) {
      Value inverse = e.divF(e.constantFloat(e.f32(), 1), loadElement(e, e.f32(), totals, row));
      Value index = e.add(e.mul(head, tokens), e.add(firstToken, row));
      Value target =
          e.at(kernel.resultPointer(0), e.mul(index, e.constant(valueVectors * kLanes * 4)));
      for (int64_t j = 0; j < valueVectors; ++j)
        e.store(e.mulF(e.load(vector, sumAt(row, j), 64), e.splat(inverse, kLanes)),
                e.at(target, j * kLanes * 4), 4);
    });
  }

  Emit &e;
  KernelContext &kernel;
  ElementEmitter elements;
  AttentionOp op;
  CacheReader keys, values;
  int64_t keyWidth, valueVectors, headsPerKv;
  Value tokens, length;
  Type vector;
  Value keyBlock, scores, sums, maxima, totals; // stack memory
  Value head, kvHead, firstToken, rows, seen;   // of the item
};

} // namespace

void emitAttentionTile(Emit &e, KernelContext &kernel) { AttentionTile(e, kernel).emit(); }

} // namespace rosso

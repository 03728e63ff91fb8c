// matmul on a GPU by matrix instructions, over quantised weights in tile32 and int8 activations:
// y[t, n] = sum over k of x[t, k] w[n, k] for many t.
//
// A work group computes a tile of tokens by rows, in steps of 32 k. While it multiplies what lies
// in one buffer of shared memory, the loads for the next step are under way; after that they are
// expanded to f16 and stored to the other buffer, and a barrier ends the step. Some waves bring
// tokens, the others rows, 32 each: a lane has one token or row, one scale and 32 codes a step.
// All waves multiply: f16 products, f32 sums.
//
// f16 has few exponents. What a token's activations d * code are multiplied with before they become
// f16 is therefore a power of two of its own, which makes the largest of them 2^14 to 2^15; the
// finished sums lose it again. Values down to 2^-28 of that stay normal numbers. Both d and the
// product round once to 11 bits, a hundredth of the step of the int8 codes. Weights are taken as
// they are: those of a trained model lie far within f16's range.
#include "codegen/amdgpu/Wave.h"
#include "codegen/quant/TileSlice.h"
#include "codegen/templates/Contraction.h"
#include "codegen/templates/Templates.h"
#include "ir/quant/Formats.h"

#include <algorithm>

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kStep = TileSlice::kWeights; // of k, and a block of activations
constexpr int64_t kSide = 16;                  // of a matrix
constexpr int64_t kRegisters = 8;              // of a lane for D
/// Bytes from one row of 32 halves to the next: 16-byte accesses to 8 rows meet all banks once.
constexpr int64_t kPitch = 80;

/// What a work group computes, and a wave of it. There are as many waves as there are 32 tokens and
/// 32 rows together.
struct TileSize {
  int64_t tokens, rows, waveTokens, waveRows;
  constexpr int64_t waves() const { return tokens / waveTokens * (rows / waveRows); }
};
constexpr TileSize kLarge{128, 128, 64, 32}, kSmall{64, 64, 32, 32};
static_assert(kLarge.waves() == (kLarge.tokens + kLarge.rows) / kWaveLanes);
static_assert(kSmall.waves() == (kSmall.tokens + kSmall.rows) / kWaveLanes);

const QuantFormat *weightFormat(LinearOp linear) {
  return formatOf(tensorOf(linear.getWeight()).getElementType());
}

std::vector<const QuantFormat *> formatsOf(const LinearGroup &group) {
  std::vector<const QuantFormat *> formats;
  for (LinearOp linear : group.linears)
    formats.push_back(weightFormat(linear));
  return formats;
}

/// Groups whose weights have the same formats: one loop serves them all.
struct Family {
  std::vector<const LinearGroup *> groups;
  std::vector<int64_t> first; // row tile of each, in the family
  int64_t tiles = 0;
};

class LaneMatrixContraction {
public:
  LaneMatrixContraction(Emit &emit, KernelContext &context)
      : e(emit), kernel(context), elements(emit, context), groups(linearGroups(context.op)),
        tokens(tokenCount(groups.front().linears.front())),
        size(tokens.max(context.vars) > kSmall.tokens ? kLarge : kSmall),
        wave(emit, context, kWaveLanes * size.waves()), lanes(context.target.matrixLanes()) {
    LinearOp linear = groups.front().linears.front();
    input = kernel.pointerOf(cast<BlockArgument>(linear.getSource()));
    activations = formatOf(tensorOf(linear.getSource()).getElementType());
    length = shapeOf(linear.getSource()).back().constant();
    tokenUnits = size.tokens / kWaveLanes;
    for (const LinearGroup &group : groups)
      add(group);
  }

  void emit() {
    int64_t rowTiles = 0;
    for (const Family &family : families)
      rowTiles += family.tiles;
    kernel.grid = {{.extent = tokens, .tile = size.tokens}, {.extent = Dim(rowTiles)}};
    kernel.schedule = "f16 matrices, tokens " + std::to_string(size.tokens) + ", rows " +
                      std::to_string(size.rows);
    shared = wave.shared(std::max(2 * bufferBytes(), sumTokens() * sumPitch() * 4));

    // Work groups of the same weights follow each other: the activations of all tokens stay in the
    // second-level cache, weights come from memory once.
    Value tokenTiles = e.constant(1);
    if (tokens.max(kernel.vars) > size.tokens)
      tokenTiles = e.ceilDivide(kernel.extent(e, tokens), size.tokens);
    Value rowTile = wave.uniform(e.divide(wave.group(), tokenTiles));
    firstToken = e.mul(e.sub(wave.group(), e.mul(rowTile, tokenTiles)), e.constant(size.tokens));
    tokenEnd = kernel.extent(e, tokens);
    findScales();

    int64_t first = 0;
    for (const Family &family : families) {
      auto body = [&] {
        ElementEmitter::Scope scope(elements);
        contract(family, e.sub(rowTile, e.constant(first)));
      };
      Value inside = e.bitAnd(e.less(e.constant(first - 1), rowTile),
                              e.less(rowTile, e.constant(first + family.tiles)));
      families.size() == 1 ? body() : e.ifThen(inside, body);
      first += family.tiles;
    }
  }

private:
  void add(const LinearGroup &group) {
    auto family = llvm::find_if(families, [&](const Family &f) {
      return formatsOf(*f.groups.front()) == formatsOf(group);
    });
    if (family == families.end())
      family = families.insert(family, Family());
    family->groups.push_back(&group);
    family->first.push_back(family->tiles);
    int64_t rows = rowsOfLinear(group);
    family->tiles += (group.rows + rows - 1) / rows;
  }

  /// Rows of each linear in a tile.
  int64_t rowsOfLinear(const LinearGroup &group) const {
    return size.rows / static_cast<int64_t>(group.linears.size());
  }
  int64_t bufferBytes() const { return (size.tokens + size.rows) * kPitch; }
  int64_t sumTokens() const { return size.tokens / size.waveTokens * kSide; }
  /// Floats from one token's sums to the next: the two halves of a wave store to other banks.
  int64_t sumPitch() const { return size.rows + kSide / lanes.upperRow; }

  //===-- scales of tokens -------------------------------------------------------------------===//

  /// Where this lane's token begins, in the waves that bring tokens.
  Value activationRow() {
    Value slot = e.remainder(wave.thread(), e.constant(size.tokens));
    Value token = e.minimum(e.add(firstToken, slot), e.sub(tokenEnd, e.constant(1)));
    int64_t rowBytes = length / activations->blockLen * activations->blockSize;
    return e.mul(token, e.constant(rowBytes));
  }
  /// d of block `block` (the same in all lanes).
  Value blockScale(Value block) {
    int64_t record = activations->blockSize - activations->blockLen;
    Value place = e.add(e.constant(length), e.mul(block, e.constant(record)));
    return e.load(e.i32(), e.at(input, e.add(place, rowOffset)), 4);
  }

  /// The bits of the largest d of every token go to shared memory, in several parts.
  void findScales() {
    constexpr int64_t kLoads = 8; // under way at once
    rowOffset = activationRow();
    int64_t blocks = length / kStep;
    scaleParts = wave.waves() / tokenUnits;
    scales = wave.shared(scaleParts * size.tokens * 4);
    Value part = e.divide(wave.number(), e.constant(tokenUnits));
    Value first = e.mul(part, e.constant(kLoads));
    Value largest = e.loop(first, e.constant(blocks), scaleParts * kLoads, e.zero(e.i32()),
                           [&](Value block, ValueRange carried) -> Values {
                             Values loaded;
                             for (int64_t i = 0; i < kLoads; ++i)
                               loaded.push_back(blockScale(
                                   e.minimum(e.add(block, e.constant(i)), e.constant(blocks - 1))));
                             kernel.target.waitForLoads(e);
                             Value most = carried[0];
                             for (Value v : loaded) // not negative: as integers
                               most = e.maximum(most, v);
                             return {most};
                           })[0];
    // [part][token], which is the order of threads.
    e.store(largest, e.at(scales, e.mul(wave.thread(), e.constant(4))), 4);
    wave.barrier();
  }

  /// The exponent field of the largest d of the tile's token `slot`, at least 8.
  Value scaleExponent(Value slot) {
    Value largest;
    for (int64_t part = 0; part < scaleParts; ++part) {
      Value at = e.at(e.at(scales, e.mul(slot, e.constant(4))), part * size.tokens * 4);
      Value v = e.load(e.i32(), at, 4);
      largest = largest ? e.maximum(largest, v) : v;
    }
    return e.maximum(e.shiftRight(largest, 23), e.constant(e.i32(), 8));
  }
  /// 2^(134 - exponent): makes d less than 2^8, and 127 d less than 2^15. And its inverse.
  Value towardsHalf(Value exponent) {
    Value field = e.sub(e.constant(e.i32(), 261), exponent);
    return e.bitcast(e.shiftLeft(field, 23), e.f32());
  }
  Value backFromHalf(Value exponent) {
    Value field = e.sub(exponent, e.constant(e.i32(), 7));
    return e.bitcast(e.shiftLeft(field, 23), e.f32());
  }

  //===-- a tile -----------------------------------------------------------------------------===//

  /// What some of the waves, numbered from the last role's on, bring to shared memory.
  struct Role {
    int64_t lastWave;
    size_t words;                                              // that it loads
    std::function<Values(Value step)> load;                    // i32s
    std::function<Values(ValueRange bits, Value step)> expand; // 16 dwords of halves
  };

  void contract(const Family &family, Value tile) {
    std::vector<Role> roles{tokenRole()};
    addWeightRoles(family, tile, roles);
    rowAddress = e.mul(wave.thread(), e.constant(kPitch));
    placeFragments();

    Value zero = e.constant(0);
    store(roles, load(roles, zero), zero, zero);
    int64_t steps = length / kStep;
    auto clamped = [&](Value step, int64_t ahead) {
      return e.minimum(e.add(step, e.constant(ahead)), e.constant(steps - 1));
    };
    Values carried = load(roles, clamped(zero, 1));
    wave.barrier();
    const size_t words = carried.size();
    carried.append(static_cast<size_t>(size.waveTokens / kSide * size.waveRows / kSide),
                   e.zero(e.vectorOf(e.f32(), kRegisters)));
    carried = e.loop(zero, e.constant(steps), 1, carried, [&](Value step, ValueRange state) {
      Value buffer = e.mul(e.bitAnd(step, 1), e.constant(bufferBytes()));
      Fragments fragments = loadFragments(buffer);
      kernel.target.waitForLoads(e);
      store(roles, state.take_front(words), clamped(step, 1),
            e.sub(e.constant(bufferBytes()), buffer));
      Values next = load(roles, clamped(step, 2));
      next.append(multiply(fragments, Values(state.drop_front(words))));
      wave.barrier();
      return next;
    });
    storeSums(family, tile, ValueRange(carried).drop_front(words));
  }

  Role tokenRole() {
    int zero = activations->zero + (activations->signedCodes ? 128 : 0);
    Value slot = e.remainder(wave.thread(), e.constant(size.tokens));
    Value factor = towardsHalf(scaleExponent(slot));
    auto loadBits = [this](Value step) -> Values {
      Value codes = e.at(input, e.add(e.mul(step, e.constant(kStep)), rowOffset));
      Values bits;
      for (int64_t half = 0; half < 2; ++half) {
        Value four = e.load(e.vectorOf(e.i32(), 4), e.at(codes, half * 16), 16);
        for (int64_t i = 0; i < 4; ++i)
          bits.push_back(e.lane(four, i));
      }
      bits.push_back(blockScale(step));
      return bits;
    };
    auto expand = [this, zero, factor](ValueRange bits, Value) -> Values {
      Values quads;
      for (Value quad : bits.take_front(kStep / 4))
        quads.push_back(activations->signedCodes ? e.bitXor(quad, 0x80808080ll) : quad);
      Value d = splatHalf(e, e.mulF(e.bitcast(bits[kStep / 4], e.f32()), factor));
      Values values = bytesToHalves(e, quads, zero);
      for (Value &value : values)
        value = mulHalves(e, value, d);
      return values;
    };
    return {tokenUnits, kStep / 4 + 1, loadBits, expand};
  }

  /// One for each run of linears with one format.
  void addWeightRoles(const Family &family, Value tile, std::vector<Role> &roles) {
    const LinearGroup &front = *family.groups.front();
    int64_t units = rowsOfLinear(front) / kWaveLanes; // of a linear
    Value unit = e.sub(wave.number(), e.constant(tokenUnits));
    for (size_t l = 0; l < front.linears.size(); ++l) {
      const QuantFormat *format = weightFormat(front.linears[l]);
      size_t end = l + 1;
      while (end < front.linears.size() && weightFormat(front.linears[end]) == format)
        ++end;
      // Which linear it is, and where its tile of 32 rows begins.
      Value matrix, first, last;
      for (size_t g = 0; g < family.groups.size(); ++g) {
        const LinearGroup &group = *family.groups[g];
        Value pointer;
        for (size_t i = l; i < end; ++i) {
          Value p = kernel.pointerOf(cast<BlockArgument>(LinearOp(group.linears[i]).getWeight()));
          Value before = e.less(unit, e.constant(static_cast<int64_t>(i) * units));
          pointer = pointer ? e.select(before, pointer, p) : p;
        }
        Value before = e.less(tile, e.constant(family.first[g]));
        auto choose = [&](Value &chosen, Value v) {
          chosen = chosen ? e.select(before, chosen, v) : v;
        };
        choose(matrix, pointer);
        choose(first, e.constant(family.first[g]));
        choose(last, e.constant((group.rows + kWaveLanes - 1) / kWaveLanes - 1));
      }
      auto slice = std::make_shared<TileSlice>(e, kernel.target, *format, wave.lane());
      Value row =
          e.add(e.mul(e.sub(tile, first), e.constant(units)), e.remainder(unit, e.constant(units)));
      int64_t rowBytes = length / format->blockLen * slice->tileBytes();
      Value start = e.mul(e.minimum(row, last), e.constant(rowBytes));
      Value slices = e.constant(slice->slicesOfBlock());
      roles.push_back({tokenUnits + static_cast<int64_t>(end) * units, slice->words(),
                       [this, slice, matrix, start, slices](Value step) {
                         Value block =
                             e.mul(e.divide(step, slices), e.constant(slice->tileBytes()));
                         return slice->load(matrix, e.add(start, block), e.remainder(step, slices));
                       },
                       [this, slice, slices](ValueRange bits, Value step) {
                         return slice->expand(bits, e.remainder(step, slices));
                       }});
      l = end - 1;
    }
  }

  /// What `body` gives for the role this wave has, after what it would give for the roles before:
  /// registers of their own, lest a load be waited for to change its register.
  Values byRole(ArrayRef<Role> roles, const std::function<Values(const Role &)> &body,
                size_t before, size_t results) {
    auto padded = [&](Values values) {
      Values all;
      if (results)
        all.assign(results, LLVM::PoisonOp::create(e.b, e.loc, e.i32()));
      llvm::copy(values, all.begin() + static_cast<long>(before));
      return all;
    };
    if (roles.size() == 1)
      return padded(body(roles.front()));
    SmallVector<Type> types(results, e.i32());
    Value ours = e.less(wave.number(), e.constant(roles.front().lastWave));
    auto op = scf::IfOp::create(e.b, e.loc, types, ours, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(e.b);
    auto fill = [&](Region &region, const std::function<Values()> &values) {
      e.b.setInsertionPointToStart(&region.front());
      Values yielded = values();
      if (results)
        scf::YieldOp::create(e.b, e.loc, yielded);
    };
    fill(op.getThenRegion(), [&] { return padded(body(roles.front())); });
    fill(op.getElseRegion(), [&] {
      return byRole(roles.drop_front(), body, before + (results ? roles.front().words : 0),
                    results);
    });
    return Values(op.getResults());
  }

  Values load(ArrayRef<Role> roles, Value step) {
    size_t words = 0;
    for (const Role &role : roles)
      words += role.words;
    return byRole(roles, [&](const Role &role) { return role.load(step); }, 0, words);
  }

  void store(ArrayRef<Role> roles, ValueRange bits, Value step, Value buffer) {
    Value target = e.at(e.at(shared, buffer), rowAddress);
    size_t first = 0;
    auto body = [&](const Role &role) {
      Values dwords = role.expand(bits.slice(first, role.words), step);
      first += role.words;
      for (size_t i = 0; i < dwords.size(); i += 4) {
        Value four = vector::FromElementsOp::create(
            e.b, e.loc, cast<VectorType>(e.vectorOf(e.i32(), 4)), ValueRange(dwords).slice(i, 4));
        e.store(four, e.at(target, static_cast<int64_t>(i) * 4), 16);
      }
      return Values();
    };
    byRole(roles, body, 0, 0);
  }

  //===-- products ---------------------------------------------------------------------------===//

  /// Where this lane's part of the wave's first matrices lies in a buffer.
  void placeFragments() {
    int64_t across = size.rows / size.waveRows;
    waveToken = e.mul(e.divide(wave.number(), e.constant(across)), e.constant(size.waveTokens));
    waveRow = e.mul(e.remainder(wave.number(), e.constant(across)), e.constant(size.waveRows));
    laneLow = e.remainder(wave.lane(), e.constant(kSide));
    laneHigh = e.divide(wave.lane(), e.constant(kSide));
    auto place = [&](Value first) {
      Value row = e.mul(e.add(first, laneLow), e.constant(kPitch));
      return e.add(row, e.mul(laneHigh, e.constant(lanes.upperK * 2)));
    };
    tokenFragment = place(waveToken);
    rowFragment = place(e.add(waveRow, e.constant(size.tokens)));
  }

  /// A wave's tokens and rows of one step: [k][token or row matrix].
  struct Fragments {
    Values tokens, rows;
  };

  Fragments loadFragments(Value buffer) {
    Fragments all;
    Value base = e.at(shared, buffer);
    Type type = e.vectorOf(e.f16(), lanes.halves);
    auto push = [&](Values &list, Value at, int64_t extent, int64_t k) {
      for (int64_t i = 0; i < extent; i += kSide)
        list.push_back(e.load(type, e.at(e.at(base, at), i * kPitch + k * 2), 16));
    };
    for (int64_t k = 0; k < kStep; k += kSide) {
      push(all.tokens, tokenFragment, size.waveTokens, k);
      push(all.rows, rowFragment, size.waveRows, k);
    }
    return all;
  }

  /// The sums [token matrix][row matrix] of a wave plus the products of one step.
  Values multiply(const Fragments &fragments, Values sums) {
    const auto across = static_cast<size_t>(size.waveRows / kSide);
    for (size_t k = 0; k < kStep / kSide; ++k)
      for (size_t i = 0; i < sums.size(); ++i) {
        Value a = fragments.tokens[k * sums.size() / across + i / across];
        Value b = fragments.rows[k * across + i % across];
        sums[i] = kernel.target.multiplyMatrices(e, a, b, sums[i]);
      }
    return sums;
  }

  //===-- results ----------------------------------------------------------------------------===//

  /// Sums go through shared memory, 16 tokens of each wave at a time, and from there to results
  /// with a lane a row.
  void storeSums(const Family &family, Value tile, ValueRange sums) {
    int64_t perToken = size.waveRows / kSide; // matrices
    Value slot = e.add(e.mul(e.divide(waveToken, e.constant(size.waveTokens)), e.constant(kSide)),
                       e.mul(laneHigh, e.constant(lanes.upperRow)));
    Value place = e.add(e.mul(slot, e.constant(sumPitch())), e.add(waveRow, laneLow));
    Value target = e.at(shared, e.mul(place, e.constant(4)));
    e.loop(e.constant(0), e.constant(size.waveTokens / kSide), 1, sums,
           [&](Value pass, ValueRange carried) {
             for (int64_t j = 0; j < perToken; ++j)
               for (int64_t r = 0; r < kRegisters; ++r) {
                 int64_t at = (r * lanes.rowStep * sumPitch() + j * kSide) * 4;
                 e.store(e.lane(carried[static_cast<size_t>(j)], r), e.at(target, at), 4);
               }
             wave.barrier();
             for (size_t g = 0; g < family.groups.size(); ++g) {
               const LinearGroup &group = *family.groups[g];
               int64_t end = g + 1 < family.groups.size() ? family.first[g + 1] : family.tiles;
               Value inside = e.bitAnd(e.less(e.constant(family.first[g] - 1), tile),
                                       e.less(tile, e.constant(end)));
               auto body = [&] {
                 storePass(group, e.sub(tile, e.constant(family.first[g])), pass);
               };
               family.groups.size() == 1 ? body() : e.ifThen(inside, body);
             }
             wave.barrier();
             Values rest(carried.drop_front(static_cast<size_t>(perToken)));
             rest.append(carried.begin(), carried.begin() + perToken);
             return rest;
           });
  }

  void storePass(const LinearGroup &group, Value tile, Value pass) {
    int64_t blocks = rowsOfLinear(group) / kWaveLanes; // of a linear, for each token
    e.loop(wave.number(), e.constant(sumTokens() * blocks), wave.waves(), [&](Value item) {
      Value slot = e.divide(item, e.constant(blocks));
      Value block = e.remainder(item, e.constant(blocks));
      // Of the tile's tokens.
      Value inTile =
          e.add(e.mul(e.divide(slot, e.constant(kSide)), e.constant(size.waveTokens)),
                e.add(e.mul(pass, e.constant(kSide)), e.remainder(slot, e.constant(kSide))));
      Value token = e.add(firstToken, inTile);
      Value rows = e.add(e.mul(tile, e.constant(blocks)), block); // 32 of them
      Value inside = e.bitAnd(e.less(token, tokenEnd),
                              e.less(rows, e.constant((group.rows + kWaveLanes - 1) / kWaveLanes)));
      e.ifThen(inside, [&] {
        ElementEmitter::Scope scope(elements);
        Value factor = backFromHalf(scaleExponent(inTile));
        Value place = e.add(e.mul(slot, e.constant(sumPitch())),
                            e.add(e.mul(block, e.constant(kWaveLanes)), wave.lane()));
        Value source = e.at(shared, e.mul(place, e.constant(4)));
        Values sums;
        for (size_t l = 0; l < group.linears.size(); ++l) {
          int64_t at = static_cast<int64_t>(l) * rowsOfLinear(group) * 4;
          sums.push_back(e.mulF(e.load(e.f32(), e.at(source, at), 4), factor));
        }
        storeLanes(elements, wave, group, sums, token, rows);
      });
    });
  }

  Emit &e;
  KernelContext &kernel;
  ElementEmitter elements;
  std::vector<LinearGroup> groups;
  Dim tokens;
  TileSize size;
  Wave wave;
  MatrixLanes lanes;
  std::vector<Family> families;
  const QuantFormat *activations = nullptr;
  int64_t length = 0;     // K
  int64_t tokenUnits = 0; // waves that bring tokens: the first
  Value input, shared;
  Value firstToken, tokenEnd; // of the tile; of all
  Value rowOffset;            // of this lane's token, in bytes
  Value scales;               // the largest d of each token of the tile, in `scaleParts` parts
  int64_t scaleParts = 1;
  Value rowAddress;                 // in a buffer, of the token or row this lane brings
  Value waveToken, waveRow;         // the first of the wave's, in the tile
  Value laneLow, laneHigh;          // lane % 16, lane / 16
  Value tokenFragment, rowFragment; // in a buffer
};

} // namespace

bool fitsMatrices(KernelContext &kernel) {
  constexpr int64_t kFewTokens = 8; // by reading the weights once or twice
  if (!kernel.target.matrixLanes().halves)
    return false;
  for (const LinearGroup &group : linearGroups(kernel.op)) {
    LinearOp first = group.linears.front();
    auto count = static_cast<int64_t>(group.linears.size());
    const QuantFormat *source = formatOf(tensorOf(first.getSource()).getElementType());
    if (!source || source->blockLen != kStep || !source->splitRows ||
        tokenCount(first).max(kernel.vars) <= kFewTokens || kSmall.rows / count % kWaveLanes)
      return false;
    for (LinearOp linear : group.linears)
      if (!weightFormat(linear))
        return false;
  }
  return true;
}

void emitLaneMatrixContraction(Emit &e, KernelContext &kernel) {
  LaneMatrixContraction(e, kernel).emit();
}

} // namespace rosso

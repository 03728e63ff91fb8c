#include "ir/quant/Pack.h"

#include "ir/quant/Block.h"
#include "ir/quant/Rows.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

namespace rosso {

namespace {

/// Eight weights at a time: group lengths are multiples of it.
using Floats = float __attribute__((vector_size(32)));
constexpr unsigned kStride = sizeof(Floats) / sizeof(float);

Floats load(const float *from) {
  Floats value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

float sum(Floats x) {
  float total = 0;
  for (unsigned i = 0; i < kStride; ++i)
    total += x[i];
  return total;
}

/// To the nearest integer, ties to even, for magnitudes below 2^22.
template <typename T> T roundNearest(T x) { return x + 0x1.8p23f - 0x1.8p23f; }

/// The values that codes stand for: all integers of a range, or the entries of a table.
class Levels {
public:
  explicit Levels(const QuantFormat &format) : format_(format), codes_(1u << format.codeBits) {
    for (unsigned code = 0; code < codes_; ++code) {
      const float value = static_cast<float>(codeValue(format, static_cast<uint8_t>(code)));
      low_ = code ? std::min(low_, value) : value;
      high_ = code ? std::max(high_, value) : value;
      if (isTable())
        table_[code] = value;
    }
    std::sort(table_, table_ + (isTable() ? codes_ : 0));
    if (format.signedCodes) // as many values on either side of zero
      low_ = -high_;
  }

  bool isTable() const { return !format_.table.empty(); }
  float low() const { return low_; }
  float high() const { return high_; }
  unsigned count() const { return codes_; }

  /// The value nearest to each x.
  Floats nearest(Floats x) const {
    if (!isTable()) {
      x = x < low_ ? Floats{} + low_ : x;
      x = x > high_ ? Floats{} + high_ : x;
      return roundNearest(x);
    }
    Floats value = Floats{} + table_[0];
    for (unsigned k = 0; k + 1 < codes_; ++k)
      value += x > 0.5f * (table_[k] + table_[k + 1]) ? Floats{} + (table_[k + 1] - table_[k])
                                                      : Floats{};
    return value;
  }

  /// A code for one of the values.
  uint8_t codeOf(float value) const {
    const int wanted = static_cast<int>(value);
    if (!isTable())
      return static_cast<uint8_t>((wanted + format_.zero) & (codes_ - 1));
    for (unsigned code = 0; code < codes_; ++code)
      if (format_.table[code] == wanted + format_.zero)
        return static_cast<uint8_t>(code);
    return 0;
  }

private:
  const QuantFormat &format_;
  unsigned codes_;
  float low_ = 0, high_ = 0;
  float table_[16] = {};
};

/// Weights that share a scale, with what an error in each of them costs.
struct Group {
  const float *x;
  const float *cost;
  unsigned size;
};

/// x ~ scale * level - min
struct Fit {
  float scale = 0;
  float min = 0;
};

/// 1 / scale; 0 for scales so small that the quotient would not be finite: all codes are then 0.
float inverseOf(float scale) { return std::abs(scale) > 0x1p-100f ? 1 / scale : 0; }

/// Cost of the best codes under `fit`.
float errorOf(const Group &group, const Levels &levels, Fit fit) {
  const float inverse = inverseOf(fit.scale);
  Floats error = {};
  for (unsigned i = 0; i < group.size; i += kStride) {
    const Floats x = load(group.x + i) + fit.min;
    const Floats off = x - fit.scale * levels.nearest(x * inverse);
    error += load(group.cost + i) * off * off;
  }
  return sum(error);
}

constexpr int kSteps = 9; // candidates on either side of the scale that the largest weight asks for

/// The scale of least error without a min: rounds under many scales, and for each rounding takes
/// the scale that fits it best, the least squares solution.
Fit fitScale(const Group &group, const Levels &levels) {
  const float *extreme = std::max_element(
      group.x, group.x + group.size, [](float a, float b) { return std::abs(a) < std::abs(b); });
  if (std::abs(*extreme) < 1e-30f)
    return {};
  float best = 0, bestGain = 0;
  auto consider = [&](float inverse) {
    Floats products = {}, squares = {};
    for (unsigned i = 0; i < group.size; i += kStride) {
      const Floats x = load(group.x + i), weighted = load(group.cost + i);
      const Floats level = levels.nearest(x * inverse);
      products += weighted * x * level;
      squares += weighted * level * level;
    }
    const float product = sum(products), square = sum(squares);
    if (square > 0 && product * product > bestGain * square) {
      bestGain = product * product / square;
      best = product / square;
    }
  };
  // One level's worth of scales around the end of the range, in steps of a tenth.
  const float step = 0.2f / static_cast<float>(levels.count());
  for (int k = -kSteps; k <= kSteps; ++k) {
    consider(levels.low() * (1 + step * static_cast<float>(k)) / *extreme);
    if (levels.isTable())
      consider(levels.high() * (1 + step * static_cast<float>(k)) / *extreme);
  }
  if (best != 0)
    consider(1 / best);
  return {.scale = best};
}

/// The scale and min of least error, in the same way. A K-quant's mins are not negative.
Fit fitAffine(const Group &group, const Levels &levels, bool nonNegativeMin) {
  auto [lowest, highest] = std::minmax_element(group.x, group.x + group.size);
  const float bottom = nonNegativeMin ? std::min(*lowest, 0.0f) : *lowest;
  const float range = *highest - bottom;
  if (range < 1e-30f)
    return {.scale = 0, .min = -bottom};
  Fit best{.scale = range / levels.high(), .min = -bottom};
  float bestError = errorOf(group, levels, best);
  auto consider = [&](Fit from) {
    const float inverse = inverseOf(from.scale);
    Floats cs = {}, cls = {}, clls = {}, cxs = {}, clxs = {};
    for (unsigned i = 0; i < group.size; i += kStride) {
      const Floats x = load(group.x + i), cost = load(group.cost + i);
      const Floats level = levels.nearest((x + from.min) * inverse);
      cs += cost, cls += cost * level, clls += cost * level * level;
      cxs += cost * x, clxs += cost * level * x;
    }
    const double c = sum(cs), cl = sum(cls), cll = sum(clls), cx = sum(cxs), clx = sum(clxs);
    const double determinant = c * cll - cl * cl;
    if (determinant <= 0)
      return;
    double scale = (c * clx - cl * cx) / determinant;
    double min = (cl * clx - cll * cx) / determinant;
    if (nonNegativeMin && min < 0) {
      min = 0;
      scale = clx / cll;
    }
    const Fit fit{static_cast<float>(scale), static_cast<float>(min)};
    if (!(fit.scale > 0))
      return;
    if (const float error = errorOf(group, levels, fit); error < bestError) {
      bestError = error;
      best = fit;
    }
  };
  for (int k = -kSteps; k <= kSteps; ++k) {
    const float top = levels.high() + 0.1f * static_cast<float>(k);
    consider({.scale = range / top, .min = -bottom});
  }
  consider(best);
  return best;
}

/// Packs one block. A member per step, in the order of `run`.
class BlockPacker {
public:
  BlockPacker(const QuantFormat &format, const float *x)
      : format_(format), levels_(format), x_(x) {}

  Block run() {
    weigh();
    for (unsigned g = 0; g < format_.groups(); ++g)
      fits_[g] = fitGroup(g);
    if (format_.scales.empty())
      setPlainScale();
    else
      setGroupScales();
    setCodes(block_);
    return block_;
  }

private:
  Group group(unsigned g) const {
    return {x_ + g * format_.groupLen, cost_ + g * format_.groupLen, format_.groupLen};
  }
  bool hasMin() const { return format_.dmin.type != ScaleType::None; }

  /// An error in a large weight moves the result more; no weight is free.
  void weigh() {
    float square = 0;
    for (unsigned i = 0; i < format_.blockLen; ++i)
      square += x_[i] * x_[i];
    const float mean = square / static_cast<float>(format_.blockLen);
    for (unsigned i = 0; i < format_.blockLen; ++i)
      cost_[i] = std::sqrt(mean + x_[i] * x_[i]);
  }

  Fit fitGroup(unsigned g) const {
    if (format_.codeBits >= 8) { // fine enough: the largest weight takes the last code
      float largest = 0;
      for (unsigned i = 0; i < format_.groupLen; ++i)
        largest = std::max(largest, std::abs(group(g).x[i]));
      return {.scale = largest / levels_.high()};
    }
    return hasMin() ? fitAffine(group(g), levels_, format_.groupMins) : fitScale(group(g), levels_);
  }

  /// d as stored: rounded, and never an infinity.
  static float storable(ScaleType type, float value) {
    const float limit = type == ScaleType::F16 ? 65504.0f : 0x1.FEp127f;
    return roundScale(type, std::clamp(value, -limit, limit));
  }

  void setPlainScale() {
    block_.dmin = storable(format_.dmin.type, static_cast<float>(format_.minSign) * fits_[0].min);
    block_.d = storable(format_.d.type, fits_[0].scale);
    if (format_.d.type != ScaleType::E8M0Half)
      return;
    const float nearest = storable(format_.d.type, std::abs(fits_[0].scale));
    float bestError = -1;
    for (float candidate : {nearest, nearest / 2, nearest * 2}) { // the next powers of two
      const float d = storable(format_.d.type, candidate);
      const float error = errorOf(group(0), levels_, {.scale = d});
      if (bestError < 0 || error < bestError) {
        bestError = error;
        block_.d = d;
      }
    }
  }

  // Raw s and m as integers of the formula.
  int lowScale() const {
    return format_.scaleSigned ? -(1 << (format_.scaleBits - 1)) : -format_.scaleZero;
  }
  int highScale() const { return lowScale() + (1 << format_.scaleBits) - 1; }
  static uint8_t rawScale(const QuantFormat &format, int scale) {
    return static_cast<uint8_t>((scale + format.scaleZero) & ((1 << format.scaleBits) - 1));
  }

  /// What group g of `block` stands for.
  Fit stored(const Block &block, unsigned g) const {
    const float min = static_cast<float>(format_.minSign) * block.dmin *
                      static_cast<float>(groupMin(format_, block, g));
    return {.scale = block.d * static_cast<float>(groupScale(format_, block, g)), .min = min};
  }

  void setGroupScales() {
    float extreme = 0, largestMin = 0;
    for (unsigned g = 0; g < format_.groups(); ++g) {
      if (std::abs(fits_[g].scale) > std::abs(extreme))
        extreme = fits_[g].scale;
      largestMin = std::max(largestMin, fits_[g].min);
    }
    const int end = lowScale() < 0 ? lowScale() : highScale();
    block_.d = storable(format_.d.type, extreme / static_cast<float>(end));
    block_.dmin = storable(format_.dmin.type, largestMin / static_cast<float>(highScale()));
    roundGroups(block_);
    float bestError = totalError(block_);
    for (int round = 0; round < 3; ++round) {
      Block next = block_;
      setCodes(next);
      refitBlock(next);
      roundGroups(next);
      const float error = totalError(next);
      if (!(error < bestError))
        break;
      bestError = error;
      block_ = next;
    }
  }

  float totalError(const Block &block) const {
    float error = 0;
    for (unsigned g = 0; g < format_.groups(); ++g)
      error += errorOf(group(g), levels_, stored(block, g));
    return error;
  }

  /// For each group, the integers next to its fit that cost least under d and dmin.
  void roundGroups(Block &block) const {
    const int reachMin = format_.groupMins && block.dmin != 0 ? 1 : 0;
    for (unsigned g = 0; g < format_.groups(); ++g) {
      auto nearest = [](float value, float unit, int low, int high) {
        const float ratio = unit != 0 ? value / unit : 0;
        return static_cast<int>(
            roundNearest(std::clamp(ratio, static_cast<float>(low), static_cast<float>(high))));
      };
      const int s = nearest(fits_[g].scale, block.d, lowScale(), highScale());
      const int m = nearest(fits_[g].min, block.dmin, 0, highScale());
      float bestError = -1;
      for (int ds : {0, -1, 1})
        for (int dm = -reachMin; dm <= reachMin; ++dm) {
          const int scale = s + ds, min = m + dm;
          if (scale < lowScale() || scale > highScale() || min < 0 || min > highScale())
            continue;
          const float error =
              errorOf(group(g), levels_,
                      {block.d * static_cast<float>(scale), block.dmin * static_cast<float>(min)});
          if (bestError >= 0 && error >= bestError)
            continue;
          bestError = error;
          block.scales[g] = rawScale(format_, scale);
          if (format_.groupMins)
            block.scales[format_.groups() + g] = static_cast<uint8_t>(min);
        }
    }
  }

  /// The d and dmin that fit the integers of the block best: least squares over all weights.
  void refitBlock(Block &block) const {
    double aa = 0, ab = 0, bb = 0, ax = 0, bx = 0; // x ~ d * a - dmin * b
    for (unsigned g = 0; g < format_.groups(); ++g)
      for (unsigned i = g * format_.groupLen; i < (g + 1) * format_.groupLen; ++i) {
        const double a = groupScale(format_, block, g) * codeValue(format_, block.codes[i]);
        const double b = hasMin() ? groupMin(format_, block, g) : 0;
        const double cost = cost_[i];
        aa += cost * a * a, ab += cost * a * b, bb += cost * b * b;
        ax += cost * a * x_[i], bx += cost * b * x_[i];
      }
    const double determinant = aa * bb - ab * ab;
    if (determinant > 0) {
      block.d = storable(format_.d.type, static_cast<float>((bb * ax - ab * bx) / determinant));
      const double dmin = (ab * ax - aa * bx) / determinant;
      block.dmin = storable(format_.dmin.type, std::max(0.0f, static_cast<float>(dmin)));
    } else if (aa > 0) {
      block.d = storable(format_.d.type, static_cast<float>(ax / aa));
    }
  }

  void setCodes(Block &block) const {
    for (unsigned g = 0; g < format_.groups(); ++g) {
      const Fit fit = stored(block, g);
      const float inverse = inverseOf(fit.scale);
      for (unsigned i = g * format_.groupLen; i < (g + 1) * format_.groupLen; i += kStride) {
        const Floats values = levels_.nearest((load(x_ + i) + fit.min) * inverse);
        for (unsigned k = 0; k < kStride; ++k)
          block.codes[i + k] = levels_.codeOf(values[k]);
      }
    }
  }

  const QuantFormat &format_;
  const Levels levels_;
  const float *x_;
  float cost_[kMaxBlockLen];
  Fit fits_[kMaxScales];
  Block block_;
};

} // namespace

void pack(const QuantFormat &format, std::span<const float> weights, std::span<uint8_t> block) {
  assert(weights.size() >= format.blockLen && block.size() >= format.blockSize);
  if (format.isFloat())
    storeScale(format.d, weights[0], block);
  else
    encodeBlock(format, BlockPacker(format, weights.data()).run(), block);
}

void packRow(const QuantFormat &format, std::span<const float> weights, std::span<uint8_t> row) {
  assert(weights.size() % format.blockLen == 0);
  assert(row.size() >= format.rowBytes(static_cast<int64_t>(weights.size())));
  const size_t blocks = weights.size() / format.blockLen;
  uint8_t block[kMaxBlockSize];
  for (size_t b = 0; b < blocks; ++b) {
    pack(format, weights.subspan(b * format.blockLen, format.blockLen), block);
    storeBlockOfRow(format, block, row, blocks, b);
  }
}

} // namespace rosso

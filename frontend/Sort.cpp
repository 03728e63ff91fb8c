// Order along an axis: topk, sort, argsort.
//
// The one row of Ops.def that sorts gives the places of the largest elements of each row, equals in
// order, and holds a row in the memory of one worker. Numbers become integers of the same order
// first, so that the smallest are the largest of the inverse, whatever a NaN's sign is. Longer rows
// are cut into pieces that are sorted side by side and then merged in pairs: element p of a merged
// pair is found by a binary search for how many of the first p elements come from its left half.

#include "frontend/Build.h"

#include <algorithm>
#include <limits>

namespace rosso {

using namespace build;

namespace {

constexpr int64_t kPiece = 1 << 14; // elements of a row that a work group of a GPU sorts

/// Elements of a row that one worker sorts: on the host a radix sort takes any number of them.
int64_t pieceOf(const Tensor &keys) {
  const DeviceName device = keys.node()->device;
  return !device || *device == "host" ? int64_t{1} << 31 : kPiece;
}

/// Integers that grow as the elements do; NaN is above all numbers, -0 is 0.
Tensor ascendingKey(const Tensor &t) {
  if (t.dtype() == DType::Bool)
    return t.cast(DType::I32);
  if (!isFloat(t.dtype()))
    return t;
  Tensor x = t.dtype() == DType::F64 ? t : t.cast(DType::F32);
  bool isWide = x.dtype() == DType::F64;
  DType key = isWide ? DType::I64 : DType::I32;
  Tensor most = isWide ? Tensor(std::numeric_limits<int64_t>::max())
                       : Tensor(std::numeric_limits<int32_t>::max());
  Tensor bits = (x + 0.0).bitcast(key);
  Tensor ordered = (bits < 0).where(bits ^ most, bits);
  return x.isnan().where(promote(most, key), ordered);
}

/// A key whose descending order is the one asked for.
Tensor descendingKey(const Tensor &rows, bool descending) {
  Tensor key = ascendingKey(rows);
  return descending ? key : key.bitwiseNot();
}

/// Keys [..., n] in descending order of the last axis, and their places in it.
struct Run {
  Tensor keys, places;
};

Tensor placesOf(const Tensor &keys, int64_t k) {
  Shape shape = keys.shape();
  shape.back() = k;
  return make(Op::TopK, DType::I32, std::move(shape), {keys}, {{"k", k}});
}

/// Runs [rows, 2, n] -> [rows, 2 n].
Run merged(const Run &pairs) {
  const Dim rows = pairs.keys.size(0);
  const int64_t n = pairs.keys.size(-1).constant();
  Tensor flat = pairs.keys.flatten();
  Tensor base = Tensor::arange(rows).reshape({rows, 1}) * (2 * n); // of a pair in `flat`
  Tensor p = Tensor::arange(2 * n).reshape({1, 2 * n}).expand({rows, 2 * n});
  auto left = [&](const Tensor &i) { return flat.take(base + i.clip(0, n - 1)); };
  auto right = [&](const Tensor &i) { return flat.take(base + n + i.clip(0, n - 1)); };
  // The least number i of elements from the left such that right[p - i - 1] comes before left[i].
  Tensor low = (p - n).maximum(0), high = p.minimum(n);
  for (int64_t width = 1; width <= n; width *= 2) {
    Tensor middle = (low + high) >> 1;
    Tensor leftFirst = left(middle) >= right(p - middle - 1); // equals: the left one
    Tensor isOpen = low < high;
    Tensor nextLow = (isOpen & leftFirst).where(middle + 1, low);
    high = (isOpen & leftFirst.logicalNot()).where(middle, high);
    low = nextLow;
  }
  Tensor fromLeft = low, fromRight = p - low;
  Tensor takesLeft = (fromLeft < n) & ((fromRight >= n) | (left(fromLeft) >= right(fromRight)));
  Tensor at = base + takesLeft.where(fromLeft, fromRight.minimum(n - 1) + n);
  return {flat.take(at), pairs.places.flatten().take(at)};
}

/// The places of all elements of the last axis in descending order of the keys.
Tensor sortedPlaces(const Tensor &keys) {
  const int64_t n = keys.size(-1).constant();
  const int64_t most = pieceOf(keys);
  if (n <= most)
    return placesOf(keys, n);
  int64_t pieces = 1;
  while (pieces * most < n)
    pieces *= 2;
  const int64_t piece = (n + pieces - 1) / pieces;
  Shape outer(keys.shape().begin(), keys.shape().end() - 1);
  Tensor rows = keys.reshape({-1, n});
  // What fills the last piece comes last: the least key, and after all elements that have it.
  bool isUnsignedKey = isUnsigned(keys.dtype());
  int64_t bits = 8 * static_cast<int64_t>(byteSize(keys.dtype()));
  int64_t least = isUnsignedKey ? 0 : -(int64_t{1} << (bits - 2)) * 2;
  rows = rows.pad({{}, {0, pieces * piece - n}}, PadMode::Constant, least);
  Dim count = rows.size(0) * pieces;
  Tensor cut = rows.reshape({count, piece});
  Tensor within = placesOf(cut, piece);
  Tensor number = Tensor::arange(count).reshape({count, 1});
  Tensor begin = number.fmod(pieces) * piece;
  Run run{cut.flatten().take(number * piece + within), begin + within};
  for (int64_t width = piece; width < pieces * piece; width *= 2) {
    Shape paired{Dim(-1), 2, width};
    run = merged({run.keys.reshape(paired), run.places.reshape(paired)});
  }
  outer.push_back(n);
  return run.places.reshape({-1, pieces * piece}).slice(-1, 0, n).reshape(std::move(outer));
}

} // namespace

std::pair<Tensor, Tensor> Tensor::topk(int64_t k, int axis, bool largest) const {
  auto both = [](const Tensor &error) { return std::pair{error, error}; };
  if (auto bad = firstBad({*this}))
    return both(*bad);
  auto at = resolveAxis(axis, ndim());
  if (!at)
    return both(badAxis("topk", axis, shape()));
  Dim extent = size(*at);
  if (k < 0 || (extent.isConstant() && k > extent.constant()))
    return both(failed("topk", "k = " + std::to_string(k) + " of axis " + std::to_string(*at) +
                                   " of a tensor " + str(shape()) + "; expected 0 to its extent"));
  Tensor rows = transpose(*at, -1);
  if (k == 0 || elementCount(shape()) == Dim(0)) {
    Tensor none = slice(*at, 0, k);
    return {none, none.zerosLike().cast(DType::I32)};
  }
  Tensor key = isFloat(dtype()) && largest ? rows : descendingKey(rows, largest);
  bool isLong = extent.isConstant() && extent.constant() > pieceOf(rows) && k > kPiece / 16;
  Tensor where =
      isLong ? sortedPlaces(descendingKey(rows, largest)).slice(-1, 0, k) : placesOf(key, k);
  return {rows.gather(-1, where).transpose(*at, -1), where.transpose(*at, -1)};
}

std::pair<Tensor, Tensor> Tensor::sort(int axis, bool descending) const {
  if (ok() && ndim() == 0)
    return {*this, zerosLike().cast(DType::I32)};
  Dim extent = size(axis);
  if (ok() && resolveAxis(axis, ndim()) && !extent.isConstant()) {
    Tensor error = failed("sort", "axis " + std::to_string(axis) + " of a tensor " + str(shape()) +
                                      "; expected a constant extent");
    return {error, error};
  }
  return topk(extent.constant(), axis, descending);
}

Tensor Tensor::argsort(int axis, bool descending) const { return sort(axis, descending).second; }

} // namespace rosso

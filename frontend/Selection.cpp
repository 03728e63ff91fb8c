// Selections whose length depends on the data: where a mask is true, where a tensor is not zero.
//
// Without a size the mask is computed at once and the positions are listed on the host. With one,
// everything stays in the graph: the n-th selected element is where a running count of the mask
// first reaches n + 1, found by a binary search.

#include "frontend/Build.h"
#include "frontend/Realize.h"

namespace rosso {

using namespace build;

namespace {

/// The positions [n] of what is true in a flat mask, on its device.
Result<Tensor> truePlaces(const Tensor &mask) {
  ROSSO_TRY(HostTensor values, mask.toHost());
  std::vector<int32_t> places;
  for (size_t i = 0; i < values.bytes.size(); ++i)
    if (values.bytes[i])
      places.push_back(static_cast<int32_t>(i));
  return moveTo(Tensor::fromData(places), deviceOf(mask));
}

/// The first `size` positions where a flat mask is true, and whether there are so many.
struct Found {
  Tensor places, exists;
};

Found firstTrue(const Tensor &mask, int64_t size) {
  const int64_t n = mask.size(0).constant();
  Tensor counts = mask.cast(DType::I32).cumsum(0);
  Tensor wanted = Tensor::arange(size) + 1;
  Tensor low = wanted.zerosLike(), high = wanted.fullLike(n);
  for (int64_t width = 1; width <= n; width *= 2) {
    Tensor middle = (low + high) >> 1;
    Tensor isOpen = low < high;
    Tensor reached = counts.take(middle.clip(0, n - 1)) >= wanted;
    Tensor nextLow = (isOpen & reached.logicalNot()).where(middle + 1, low);
    high = (isOpen & reached).where(middle, high);
    low = nextLow;
  }
  return {low, low < n};
}

std::optional<Tensor> refuseMask(const Tensor &mask) {
  if (mask.dtype() == DType::Bool)
    return std::nullopt;
  return failed("maskedSelect",
                "a mask of " + std::string(name(mask.dtype())) + "; expected bools");
}

/// A flat mask of the shape of `t`.
Tensor flatMask(const Tensor &t, const Tensor &mask) {
  if (auto bad = firstBad({t, mask}))
    return *bad;
  if (auto bad = refuseMask(mask))
    return *bad;
  return mask.expand(t.shape()).reshape({-1});
}

/// [n] row-major numbers -> [n, rank] positions.
Tensor coordinates(const Tensor &numbers, const Shape &shape) {
  std::vector<Tensor> columns(shape.size());
  Tensor rest = numbers;
  for (size_t i = shape.size(); i-- > 0;) {
    Tensor extent = Tensor::variable(shape[i]);
    columns[i] = i == 0 ? rest : rest.fmod(extent);
    rest = rest.truncDiv(extent);
  }
  return Tensor::stack(columns, -1);
}

} // namespace

Tensor Tensor::maskedSelect(const Tensor &mask) const {
  Tensor flat = flatMask(*this, mask);
  if (!flat.ok())
    return flat;
  auto places = truePlaces(flat);
  return places ? reshape({-1}).take(*places) : failed(places.error());
}

Tensor Tensor::maskedSelect(const Tensor &mask, int64_t size, const Tensor &fill) const {
  Tensor flat = flatMask(*this, mask);
  if (!flat.ok())
    return flat;
  if (size < 0 || !flat.size(0).isConstant())
    return failed("maskedSelect", std::to_string(size) + " elements of a tensor " + str(shape()) +
                                      "; expected 0 or more and constant extents");
  if (flat.size(0) == Dim(0))
    return full({size}, fill, dtype());
  Found found = firstTrue(flat, size);
  return found.exists.where(reshape({-1}).take(found.places), promote(fill, dtype()));
}

Tensor Tensor::nonzero() const {
  if (auto bad = firstBad({*this}))
    return *bad;
  Tensor flat = cast(DType::Bool).reshape({-1});
  auto places = flat.ok() ? truePlaces(flat) : Result<Tensor>(*flat.node()->error);
  if (!places)
    return failed(places.error());
  if (ndim() == 0 || places->size(0) == Dim(0))
    return zeros({places->size(0), ndim()}, DType::I32);
  return coordinates(*places, shape());
}

Tensor Tensor::nonzero(int64_t size, const Tensor &fill) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  Tensor flat = cast(DType::Bool).reshape({-1});
  if (!flat.ok() || size < 0 || !flat.size(0).isConstant())
    return flat.ok()
               ? failed("nonzero", std::to_string(size) + " elements of a tensor " + str(shape()) +
                                       "; expected 0 or more and constant extents")
               : flat;
  if (ndim() == 0 || flat.size(0) == Dim(0))
    return full({size, ndim()}, fill, DType::I32);
  Found found = firstTrue(flat, size);
  return found.exists.unsqueeze(-1).where(coordinates(found.places, shape()),
                                          promote(fill, DType::I32));
}

} // namespace rosso

// Operations that move elements. All of them read the source at strides or write a region.

#include "frontend/reference/Operations.h"

#include "ir/quant/Expand.h"
#include "ir/quant/Pack.h"

#include <algorithm>

namespace rosso::reference {

namespace {

/// Calls `visit(position in row-major order, base + index . strides)` for every index of `shape`.
template <typename Visit>
void forEachIndex(const std::vector<int64_t> &shape, int64_t base,
                  const std::vector<int64_t> &strides, Visit visit) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  std::vector<int64_t> index(shape.size());
  int64_t at = base;
  for (int64_t position = 0; position < count; ++position) {
    visit(static_cast<size_t>(position), static_cast<size_t>(at));
    for (size_t axis = shape.size(); axis-- > 0;) {
      at += strides[axis];
      if (++index[axis] < shape[axis])
        break;
      at -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

int64_t dot(const std::vector<int64_t> &a, const std::vector<int64_t> &b) {
  int64_t sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}

bool fits(const std::vector<int64_t> &begin, const std::vector<int64_t> &size,
          const std::vector<int64_t> &extents) {
  for (size_t i = 0; i < extents.size(); ++i)
    if (begin[i] < 0 || size[i] < 0 || begin[i] + size[i] > extents[i])
      return false;
  return true;
}

/// What is read back after the rows of `value` were packed in blocks.
Value packedAndExpanded(const QuantFormat &format, const Value &value) {
  Value out = value;
  size_t width = static_cast<size_t>(value.shape.back());
  std::vector<uint8_t> blocks(format.rowBytes(value.shape.back()));
  for (size_t at = 0; at < value.reals.size(); at += width) {
    std::vector<float> row(value.reals.begin() + static_cast<long>(at),
                           value.reals.begin() + static_cast<long>(at + width));
    packRow(format, row, blocks);
    expandRow(format, blocks, row);
    std::copy(row.begin(), row.end(), out.reals.begin() + static_cast<long>(at));
  }
  return out;
}

Result<Value> outside(const Call &call, const std::vector<int64_t> &begin,
                      const std::vector<int64_t> &extents) {
  Shape at(begin.begin(), begin.end()), whole(extents.begin(), extents.end());
  return call.error("the region at " + str(at) + " leaves the tensor " + str(whole));
}

} // namespace

std::vector<int64_t> rowMajorStrides(const std::vector<int64_t> &shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  return strides;
}

Value readStrided(const Value &source, std::vector<int64_t> shape, int64_t base,
                  const std::vector<int64_t> &strides) {
  Value out = zeros(source.dtype, std::move(shape));
  forEachIndex(out.shape, base, strides, [&](size_t position, size_t at) {
    if (out.isReal())
      out.reals[position] = source.reals[at];
    else
      out.integers[position] = source.integers[at];
  });
  return out;
}

void writeRegion(Value &whole, const Value &part, const std::vector<int64_t> &begin) {
  std::vector<int64_t> strides = rowMajorStrides(whole.shape);
  forEachIndex(part.shape, dot(begin, strides), strides, [&](size_t position, size_t at) {
    if (whole.isReal())
      whole.reals[at] = part.reals[position];
    else
      whole.integers[at] = part.integers[position];
  });
}

Result<Value> evaluateReshape(const Call &call) {
  Value out = call.source(0);
  out.shape = call.shape;
  return out;
}

Result<Value> evaluatePermute(const Call &call) {
  std::vector<int64_t> strides = rowMajorStrides(call.source(0).shape), permuted;
  for (int64_t axis : call.listAttr("axes"))
    permuted.push_back(strides[static_cast<size_t>(axis)]);
  return readStrided(call.source(0), call.shape, 0, permuted);
}

Result<Value> evaluateExpand(const Call &call) {
  std::vector<int64_t> strides = rowMajorStrides(call.source(0).shape);
  for (size_t i = 0; i < strides.size(); ++i)
    if (call.source(0).shape[i] == 1)
      strides[i] = 0;
  return readStrided(call.source(0), call.shape, 0, strides);
}

Result<Value> evaluatePad(const Call &call) {
  Value out = zeros(call.node.dtype, call.shape);
  double value = call.node.attr<double>("value");
  if (out.isReal())
    std::fill(out.reals.begin(), out.reals.end(), rounded(value, out.dtype, call.precision));
  else
    std::fill(out.integers.begin(), out.integers.end(),
              wrapped(static_cast<int64_t>(value), out.dtype));
  writeRegion(out, call.source(0), call.shapeAttr("before"));
  return out;
}

Result<Value> evaluateShrink(const Call &call) {
  std::vector<int64_t> begin = call.shapeAttr("begin");
  if (!fits(begin, call.shape, call.source(0).shape))
    return outside(call, begin, call.source(0).shape);
  std::vector<int64_t> strides = rowMajorStrides(call.source(0).shape);
  return readStrided(call.source(0), call.shape, dot(begin, strides), strides);
}

Result<Value> evaluateFlip(const Call &call) {
  std::vector<int64_t> strides = rowMajorStrides(call.source(0).shape);
  int64_t base = 0;
  for (int64_t axis : call.listAttr("axes")) {
    size_t i = static_cast<size_t>(axis);
    base += strides[i] * (call.shape[i] - 1);
    strides[i] = -strides[i];
  }
  return readStrided(call.source(0), call.shape, base, strides);
}

Result<Value> evaluateStride(const Call &call) {
  std::vector<int64_t> strides = rowMajorStrides(call.source(0).shape);
  for (size_t i = 0; i < strides.size(); ++i)
    strides[i] *= call.listAttr("strides")[i];
  return readStrided(call.source(0), call.shape, 0, strides);
}

Result<Value> evaluateWindow(const Call &call) {
  std::vector<int64_t> strides = rowMajorStrides(call.source(0).shape);
  int64_t &along = strides[static_cast<size_t>(call.intAttr("axis"))];
  int64_t within = along * call.intAttr("dilation");
  along *= call.intAttr("step");
  strides.push_back(within);
  return readStrided(call.source(0), call.shape, 0, strides);
}

Result<Value> evaluateConcat(const Call &call) {
  Value out = zeros(call.node.dtype, call.shape);
  size_t axis = static_cast<size_t>(call.intAttr("axis"));
  std::vector<int64_t> begin(call.shape.size());
  for (const Value *part : call.sources) {
    writeRegion(out, *part, begin);
    begin[axis] += part->shape[axis];
  }
  return out;
}

Result<Value> evaluateGather(const Call &call) {
  const Value &index = call.source(1);
  Value out = zeros(call.node.dtype, call.shape);
  int64_t rows = call.stored ? call.stored->rows : call.source(0).shape[0];
  size_t width =
      index.integers.empty() ? 0 : static_cast<size_t>(out.count()) / index.integers.size();
  std::vector<float> weights(call.stored ? width : 0);
  for (size_t i = 0; i < index.integers.size(); ++i) {
    int64_t row = index.integers[i];
    if (row < 0 || row >= rows)
      continue; // outside the table: zeros
    size_t from = static_cast<size_t>(row) * width, to = i * width;
    if (call.stored) {
      call.stored->read(row, 1, weights);
      for (size_t k = 0; k < width; ++k)
        out.reals[to + k] = rounded(weights[k], out.dtype, call.precision);
    } else if (out.isReal()) {
      std::copy_n(&call.source(0).reals[from], width, &out.reals[to]);
    } else {
      std::copy_n(&call.source(0).integers[from], width, &out.integers[to]);
    }
  }
  return out;
}

Result<Value> evaluateUpdate(const Call &call) {
  std::vector<int64_t> begin = call.shapeAttr("begin");
  Value out = call.source(0);
  if (!fits(begin, call.source(1).shape, out.shape))
    return outside(call, begin, out.shape);
  bool packs = call.node.format && call.precision == Precision::Typed;
  writeRegion(out, packs ? packedAndExpanded(*call.node.format, call.source(1)) : call.source(1),
              begin);
  return out;
}

} // namespace rosso::reference

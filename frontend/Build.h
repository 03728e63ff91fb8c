// How Tensor's methods make nodes: errors travel, quantised sources are dequantised, operands are
// brought to one type and shape. Private to frontend/.
#pragma once

#include "frontend/Tensor.h"

#include <array>

namespace rosso::build {

using Attrs = std::vector<std::pair<std::string, Attr>>;

/// A tensor that carries an error: "where: message".
Tensor failed(std::string_view where, std::string message);

/// The first of `sources` that carries an error (an empty tensor becomes one).
std::optional<Tensor> firstBad(std::initializer_list<Tensor> sources);
std::optional<Tensor> firstBad(const std::vector<Tensor> &sources);

/// A node; its sources are good, and quantised ones are read through a dequant unless the op
/// wants the blocks. Attrs need no order.
Tensor make(Op op, DType dtype, Shape shape, const std::vector<Tensor> &sources = {},
            Attrs attrs = {}, const QuantFormat *format = nullptr);

/// The node `make` makes where a source or the result is an 8-bit float: of bytes where values only
/// move, else of f32, whose sources are decoded and whose result is encoded.
Tensor makeOfFloat8(Op op, DType dtype, Shape shape, const std::vector<Tensor> &sources,
                    Attrs attrs);

/// A scalar [] of a type: integers wrapped to its width, floats in full, so that exact evaluation
/// sees 1/3 and not the f32 next to it.
Tensor constant(double value, DType dtype);
Tensor constant(int64_t value, DType dtype);

/// An axis counted from the front, or nothing if there is no such axis.
std::optional<int> resolveAxis(int axis, int rank);
Tensor badAxis(std::string_view where, int axis, const Shape &shape);

/// The axes in ascending order, without repetition.
Result<std::vector<int>> resolveAxes(std::string_view where, const Axes &axes, const Shape &shape);

/// The common shape, or an error that shows both.
Result<Shape> broadcastShape(std::string_view where, const Shape &a, const Shape &b);

/// `t` (whose shape broadcasts to it) at `shape`: leading axes added, extents of 1 expanded.
Tensor broadcastTo(const Tensor &t, const Shape &shape);

/// `t` cast to `to`; a weak scalar becomes a constant of that type.
Tensor promote(const Tensor &t, DType to);

/// The type two operands meet in, where weak scalars give way.
DType commonDType(const Tensor &a, const Tensor &b);

/// Whether that type gives way in turn: `int8 + 0.5` is a float of no chosen width.
bool meetWeakly(const Tensor &a, const Tensor &b);

/// Both at one type and shape, or what went wrong.
Result<std::array<Tensor, 2>> broadcasted(std::string_view where, const Tensor &a, const Tensor &b);

/// The float type an operation on `t` computes in: itself for floats, else the default.
DType floatDType(DType t);

/// Whether an extent is negative whatever the variables are.
bool surelyNegative(const Dim &dim);

/// A constant that counts from the end when negative; symbolic positions count from the front.
Dim fromFront(const Dim &position, const Dim &extent);

/// What Python's slices mean by positions beyond a constant extent: its end.
Dim clampedTo(const Dim &position, const Dim &extent);

/// One entry for each axis, as for `shrink`: all of the axis.
std::vector<Range> wholeRanges(const Shape &shape);

/// 0, 1, 2, ... along one axis of a tensor of this rank whose other extents are 1; i32.
Tensor counting(const Dim &extent, size_t axis, size_t rank);

/// A tensor that carries an error already made.
Tensor failed(const Error &error);

/// What the elements of an axis combine to, up to each: `op` is one of CumSum, CumProd, CumMax,
/// CumMin; of numbers, in their type.
Tensor scan(Op op, const Tensor &t, int axis);

/// Rows of `base` [N, ...] with rows of `updates` (index.shape + [...]) where `index` (of integers)
/// says, one after another: "set", "sum", "prod", "max" or "min". Rows outside are left out.
Tensor scatterRows(const Tensor &base, const Tensor &index, const Tensor &updates,
                   std::string combine);

/// The number of elements along some axes as an f32 scalar.
Tensor countAlong(const Shape &shape, const std::vector<int> &axes);

} // namespace rosso::build

// What convolutions and pools share: numbers for each spatial axis, padding, windows. The spatial
// axes are the last ones. Private to frontend/.
#pragma once

#include "frontend/Build.h"

#include <string>
#include <string_view>

namespace rosso::build {

/// One number for each of `axes` spatial axes, at least `least`.
Result<std::vector<int64_t>> eachAxis(std::string_view where, std::string_view what,
                                      const Spatial &numbers, size_t axes, int64_t least);

/// What goes before and after each spatial axis, in their order. `padding` is one number, one an
/// axis, or a pair an axis, the last axis first.
Result<std::vector<Padding>> paddingOf(std::string_view where, const Spatial &padding, size_t axes);

/// `t` with its last axes padded; negative paddings cut.
Tensor padSpatial(const Tensor &t, const std::vector<Padding> &padding, double value);

/// A window of one spatial axis.
struct Window {
  int64_t size = 1, stride = 1, dilation = 1;
  int64_t reach() const { return (size - 1) * dilation + 1; } // from its first to its last element
};

/// [..., spatial...] -> [..., windows..., kernel...].
Tensor slide(std::string_view where, const Tensor &t, const std::vector<Window> &windows);

} // namespace rosso::build

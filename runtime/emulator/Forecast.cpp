#include "runtime/emulator/Forecast.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace rosso::emulator {

Bound Forecast::mostly() const {
  return static_cast<Bound>(std::ranges::max_element(bound) - bound.begin());
}

std::string Forecast::shares() const {
  std::array<size_t, kBounds> order;
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) {
    return bound[a] != bound[b] ? bound[a] > bound[b] : a < b;
  });
  std::string text;
  for (size_t i : order) {
    const int percent = seconds > 0 ? static_cast<int>(std::lround(100 * bound[i] / seconds)) : 0;
    if (percent >= 1)
      text += (text.empty() ? "" : ", ") + std::string(boundName(static_cast<Bound>(i))) + " " +
              std::to_string(percent) + " %";
  }
  return text;
}

Forecast addUp(std::span<const DispatchCount> dispatches) {
  Forecast sum;
  std::map<std::string, Forecast::Kernel> kernels;
  for (const DispatchCount &dispatch : dispatches) {
    const Prediction &predicted = dispatch.predicted;
    ++sum.dispatches;
    sum.seconds += predicted.seconds;
    sum.bound[static_cast<size_t>(predicted.bound)] += predicted.seconds;
    sum.vramBytes += predicted.vramBytes;
    Forecast::Kernel &kernel = kernels[dispatch.kernel];
    kernel.name = dispatch.kernel;
    ++kernel.dispatches;
    kernel.seconds += predicted.seconds;
    kernel.vramBytes += predicted.vramBytes;
    if (predicted.seconds > kernel.longest) {
      kernel.longest = predicted.seconds;
      kernel.bound = predicted.bound;
    }
  }
  for (auto &[name, kernel] : kernels)
    sum.kernels.push_back(std::move(kernel));
  std::ranges::sort(sum.kernels, [](const Forecast::Kernel &a, const Forecast::Kernel &b) {
    return a.seconds != b.seconds ? a.seconds > b.seconds : a.name < b.name;
  });
  return sum;
}

} // namespace rosso::emulator

// A tensor that exists, as the reference computes with it: floats as doubles, the rest as int64.
#pragma once

#include "support/DType.h"
#include "support/Result.h"

#include <cstdint>
#include <span>
#include <vector>

namespace rosso::reference {

/// How floats are computed. Both compute every single operation in double.
enum class Precision {
  Typed, // and round its result to the node's type: f32 stays f32, f16 stays f16
  Exact  // and never round: what the graph means over the real numbers
};

struct Value {
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  std::vector<double> reals;     // of float types
  std::vector<int64_t> integers; // of the others, wrapped to the width of the type; bool is 0 or 1

  int64_t count() const;
  bool isReal() const { return isFloat(dtype); }
  /// Element i as a double, whatever the type.
  double at(size_t i) const;

  template <typename T> std::vector<T> to() const {
    std::vector<T> out(static_cast<size_t>(count()));
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = isReal() ? static_cast<T>(reals[i]) : static_cast<T>(integers[i]);
    return out;
  }
};

/// Zeros of a type and shape.
Value zeros(DType dtype, std::vector<int64_t> shape);

/// Row-major bytes as a value, and back. `bytes` holds exactly the elements of `shape`.
Result<Value> decode(DType dtype, std::vector<int64_t> shape, std::span<const uint8_t> bytes);
std::vector<uint8_t> encode(const Value &value);

/// One element of memory: a float as a double, the rest as an int64.
double loadReal(DType dtype, const uint8_t *bytes);
int64_t loadInteger(DType dtype, const uint8_t *bytes);

/// The nearest value of a float type; itself if Exact.
double rounded(double value, DType dtype, Precision precision);

} // namespace rosso::reference

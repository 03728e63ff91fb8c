// A tensor that exists: its bytes in host memory, row-major.
#pragma once

#include "support/DType.h"
#include "support/Result.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace rosso {

/// The dtype of a C++ type's values.
template <typename T> constexpr DType dtypeOf() {
  if constexpr (std::is_same_v<T, bool>)
    return DType::Bool;
  else if constexpr (std::is_floating_point_v<T>)
    return sizeof(T) == 4 ? DType::F32 : DType::F64;
  else if constexpr (std::is_signed_v<T>)
    return sizeof(T) == 1   ? DType::I8
           : sizeof(T) == 2 ? DType::I16
           : sizeof(T) == 4 ? DType::I32
                            : DType::I64;
  else
    return sizeof(T) == 1   ? DType::U8
           : sizeof(T) == 2 ? DType::U16
           : sizeof(T) == 4 ? DType::U32
                            : DType::U64;
}

struct HostTensor {
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;

  template <typename T>
  static HostTensor of(const std::vector<T> &values, std::vector<int64_t> shape) {
    HostTensor tensor{dtypeOf<T>(), std::move(shape), {}};
    tensor.bytes.resize(values.size() * sizeof(T));
    for (size_t i = 0; i < values.size(); ++i) { // vector<bool> has no array of its own
      T value = values[i];
      std::memcpy(&tensor.bytes[i * sizeof(T)], &value, sizeof(T));
    }
    return tensor;
  }

  /// The elements, if T is their type.
  template <typename T> Result<std::vector<T>> values() const {
    if (dtype != dtypeOf<T>())
      return badInput("elements of " + std::string(name(dtype)) + " read as " +
                      std::string(name(dtypeOf<T>())) + "; cast the tensor first");
    std::vector<T> out(bytes.size() / sizeof(T));
    for (size_t i = 0; i < out.size(); ++i) {
      T value;
      std::memcpy(&value, &bytes[i * sizeof(T)], sizeof(T));
      out[i] = value;
    }
    return out;
  }
};

} // namespace rosso

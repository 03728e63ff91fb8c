// DLPack: how libraries hand tensors to each other. Layouts as its specification lays them down.
// Source: DLPack 1.0, dlpack.h: DLTensor, DLManagedTensor, DLManagedTensorVersioned.
#pragma once

#include "support/DType.h"

#include <cstdint>
#include <optional>

namespace rosso::python::dlpack {

inline constexpr const char *kName = "dltensor";
inline constexpr const char *kVersionedName = "dltensor_versioned";
inline constexpr int32_t kCpu = 1; // kDLCPU

struct Device {
  int32_t type;
  int32_t index;
};

struct Type {
  uint8_t code; // the row of kCodes
  uint8_t bits;
  uint16_t lanes;
};

struct Tensor {
  void *data;
  Device device;
  int32_t ndim;
  Type dtype;
  int64_t *shape;
  int64_t *strides; // in elements; null: row-major
  uint64_t byteOffset;
};
static_assert(sizeof(Tensor) == 48);

struct ManagedTensor {
  static constexpr const char *kUsedName = "used_dltensor";
  Tensor tensor;
  void *context;
  void (*deleter)(ManagedTensor *);
};
static_assert(sizeof(ManagedTensor) == 64);

struct ManagedTensorVersioned {
  static constexpr const char *kUsedName = "used_dltensor_versioned";
  uint32_t major, minor;
  void *context;
  void (*deleter)(ManagedTensorVersioned *);
  uint64_t flags; // bit 0: read only
  Tensor tensor;
};
static_assert(sizeof(ManagedTensorVersioned) == 80);

/// The code of a type: kDLInt, kDLUInt, kDLFloat, kDLBfloat, kDLBool.
constexpr Type typeOf(DType dtype) {
  const uint8_t code = dtype == DType::Bool   ? 6
                       : dtype == DType::BF16 ? 4
                       : isFloat(dtype)       ? 2
                       : isUnsigned(dtype)    ? 1
                                              : 0;
  return {code, static_cast<uint8_t>(8 * byteSize(dtype)), 1};
}

constexpr std::optional<DType> dtypeOf(Type type) {
  for (DType dtype :
       {DType::Bool, DType::I8, DType::I16, DType::I32, DType::I64, DType::U8, DType::U16,
        DType::U32, DType::U64, DType::F16, DType::BF16, DType::F32, DType::F64})
    if (const Type known = typeOf(dtype);
        known.code == type.code && known.bits == type.bits && type.lanes == 1)
      return dtype;
  return std::nullopt;
}

} // namespace rosso::python::dlpack

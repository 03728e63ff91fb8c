// The element types of a tensor. One row a type; everything else about types is derived from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rosso {

enum class DType : uint8_t {
  Bool,
  I8,
  I16,
  I32,
  I64,
  U8,
  U16,
  U32,
  U64,
  F16,
  BF16,
  F32,
  F64,
  // Only tensors have these: in graphs, and below, they are bytes (frontend/Float8.cpp).
  F8E4M3,
  F8E5M2,
  F8E4M3Fnuz,
  F8E5M2Fnuz
};

enum class DTypeKind : uint8_t { Bool, Signed, Unsigned, Float };

struct DTypeInfo {
  std::string_view name; // as the IR and the messages print it
  DTypeKind kind;
  unsigned bytes;
};

inline constexpr DTypeInfo kDTypes[] = {
    {"bool", DTypeKind::Bool, 1},        {"i8", DTypeKind::Signed, 1},
    {"i16", DTypeKind::Signed, 2},       {"i32", DTypeKind::Signed, 4},
    {"i64", DTypeKind::Signed, 8},       {"u8", DTypeKind::Unsigned, 1},
    {"u16", DTypeKind::Unsigned, 2},     {"u32", DTypeKind::Unsigned, 4},
    {"u64", DTypeKind::Unsigned, 8},     {"f16", DTypeKind::Float, 2},
    {"bf16", DTypeKind::Float, 2},       {"f32", DTypeKind::Float, 4},
    {"f64", DTypeKind::Float, 8},        {"f8e4m3", DTypeKind::Float, 1},
    {"f8e5m2", DTypeKind::Float, 1},     {"f8e4m3fnuz", DTypeKind::Float, 1},
    {"f8e5m2fnuz", DTypeKind::Float, 1},
};

constexpr const DTypeInfo &info(DType t) { return kDTypes[static_cast<int>(t)]; }
constexpr std::string_view name(DType t) { return info(t).name; }
constexpr unsigned byteSize(DType t) { return info(t).bytes; }
constexpr bool isFloat(DType t) { return info(t).kind == DTypeKind::Float; }
constexpr bool isFloat8(DType t) { return isFloat(t) && byteSize(t) == 1; }
constexpr bool isUnsigned(DType t) { return info(t).kind == DTypeKind::Unsigned; }
constexpr bool isInteger(DType t) {
  return info(t).kind == DTypeKind::Signed || info(t).kind == DTypeKind::Unsigned;
}

/// The integer a value of this type is stored as, wrapped to its width.
constexpr int64_t wrapped(int64_t value, DType t) {
  if (t == DType::Bool)
    return value != 0;
  const unsigned unused = 64 - 8 * byteSize(t);
  const uint64_t high = static_cast<uint64_t>(value) << unused;
  return isUnsigned(t) ? static_cast<int64_t>(high >> unused)
                       : static_cast<int64_t>(high) >> unused;
}

constexpr std::optional<DType> findDType(std::string_view text) {
  for (int i = 0; i < static_cast<int>(std::size(kDTypes)); ++i)
    if (kDTypes[i].name == text)
      return static_cast<DType>(i);
  return std::nullopt;
}

} // namespace rosso

// tinygrad's lattice of types. A row names the types directly above; two types meet in the first
// type, in the order of the table, that is above both.
//
//   bool - i8 - i16 - i32 - i64
//        \    /     /     /     \              f16
//         u8 - u16 - u32 - u64 - (f32) - f8 -     \ f32 - f64
//                                             bf16
// No integer type holds both an i64 and a u64: those meet in a float of no chosen width.

#include "frontend/Build.h"

#include <atomic>

namespace rosso {

namespace {

constexpr unsigned bit(DType t) { return 1u << static_cast<unsigned>(t); }

struct Above {
  DType type;
  unsigned direct; // bits of types
};

constexpr unsigned kFloat8s =
    bit(DType::F8E4M3) | bit(DType::F8E5M2) | bit(DType::F8E4M3Fnuz) | bit(DType::F8E5M2Fnuz);

// In the order in which a meeting point is chosen; every row comes after those below it.
constexpr Above kLattice[] = {
    {DType::Bool, bit(DType::I8) | bit(DType::U8)},
    {DType::I8, bit(DType::I16)},
    {DType::U8, bit(DType::I16) | bit(DType::U16)},
    {DType::I16, bit(DType::I32)},
    {DType::U16, bit(DType::I32) | bit(DType::U32)},
    {DType::I32, bit(DType::I64)},
    {DType::U32, bit(DType::I64) | bit(DType::U64)},
    {DType::I64, kFloat8s},
    {DType::U64, kFloat8s},
    {DType::F8E4M3, bit(DType::F16) | bit(DType::BF16)},
    {DType::F8E5M2, bit(DType::F16) | bit(DType::BF16)},
    {DType::F8E4M3Fnuz, bit(DType::F16) | bit(DType::BF16)},
    {DType::F8E5M2Fnuz, bit(DType::F16) | bit(DType::BF16)},
    {DType::F16, bit(DType::F32)},
    {DType::BF16, bit(DType::F32)},
    {DType::F32, bit(DType::F64)},
    {DType::F64, 0},
};

/// A type and all above it.
unsigned upSet(DType t) {
  unsigned set = bit(t);
  for (const Above &row : kLattice)
    if (set & bit(row.type))
      set |= row.direct;
  return set;
}

} // namespace

DType leastUpperDType(DType a, DType b) {
  unsigned common = upSet(a) & upSet(b);
  for (const Above &row : kLattice)
    if (common & bit(row.type)) {
      bool integersOnly = !isFloat(a) && !isFloat(b);
      return integersOnly && isFloat(row.type) ? DType::F32 : row.type;
    }
  return DType::F64; // above everything, so never reached
}

namespace {
std::atomic<DType> chosenFloat{DType::F32};
} // namespace

void setDefaultFloat(DType t) { chosenFloat = t; }

DType build::floatDType(DType t) {
  return isFloat(t) ? t : chosenFloat.load(std::memory_order_relaxed);
}

DType sumDType(DType t) {
  if (isFloat(t))
    return leastUpperDType(t, DType::F32);
  return leastUpperDType(t, isUnsigned(t) ? DType::U32 : DType::I32);
}

} // namespace rosso

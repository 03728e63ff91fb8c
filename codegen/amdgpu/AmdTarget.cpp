#include "codegen/amdgpu/AmdTarget.h"

namespace rosso {

using namespace mlir;

Result<AmdTarget> AmdTarget::named(const std::string &chip) {
  AmdTarget target;
  target.chip_ = amd::findChip(chip);
  if (!target.chip_) {
    std::string known;
    for (const amd::Chip &row : amd::chips())
      if (known.find(row.name) == std::string::npos)
        known += (known.empty() ? "" : ", ") + std::string(row.name);
    return unsupported("target amdgpu:" + chip + ": unknown chip; known are " + known);
  }
  return target;
}

/// v_dot4_i32_iu8 takes signed and unsigned bytes as they come (gfx11 on). gfx10 has products of
/// signed by signed bytes: there left - 128 is signed, and 128 times the sum of `right` is added.
Value AmdTarget::dotBytes(Emit &e, Value acc, Value left, Value right) const {
  auto flag = [&](bool value) { return e.constant(e.i1(), value); };
  if (chip_->isa != amd::Isa::Gfx10)
    return e.intrinsic(e.i32(), "llvm.amdgcn.sudot4",
                       {flag(false), left, flag(true), right, acc, flag(false)});
  auto dot = [&](Value x, Value sum) {
    return e.intrinsic(e.i32(), "llvm.amdgcn.sdot4", {x, right, sum, flag(false)});
  };
  Value sum = dot(e.constant(e.i32(), 0x01010101), e.zero(e.i32()));
  return dot(e.bitXor(left, static_cast<int32_t>(0x80808080u)), e.add(acc, e.shiftLeft(sum, 7)));
}

/// v_perm_b32 picks four bytes out of eight: once from each half of the table; bit 3 of a code says
/// which half was meant.
Value AmdTarget::lookupBytes(Emit &e, Value codes, std::span<const int8_t> table, int bias) const {
  uint32_t words[4] = {};
  for (size_t i = 0; i < table.size(); ++i)
    words[i / 4] |= uint32_t{static_cast<uint8_t>(table[i] + bias)} << 8 * (i % 4);
  auto word = [&](int i) { return e.constant(e.i32(), static_cast<int32_t>(words[i])); };
  auto perm = [&](Value high, Value low, Value selector) {
    return e.intrinsic(e.i32(), "llvm.amdgcn.perm", {high, low, selector});
  };
  Value within = e.bitAnd(codes, 0x07070707);
  Value low = perm(word(1), word(0), within);
  if (table.size() <= 8)
    return low;
  Value high = perm(word(3), word(2), within);
  // Selector bytes: i for byte i of `low`, 4 + i for byte i of `high`.
  Value half = e.bitAnd(e.shiftRight(codes, 1), 0x04040404);
  return perm(high, low, e.bitOr(half, e.constant(e.i32(), 0x03020100)));
}

/// gfx11 wants A and B in both halves of the wave; from gfx12 on each half holds half of k.
MatrixLanes AmdTarget::matrixLanes() const {
  if (!chip_->hasWmma)
    return {};
  if (chip_->isa == amd::Isa::Gfx11)
    return {.halves = 16, .upperK = 0, .rowStep = 2, .upperRow = 1};
  return {.halves = 8, .upperK = 8, .rowStep = 1, .upperRow = 8};
}

Value AmdTarget::multiplyMatrices(Emit &e, Value a, Value b, Value c) const {
  return e.intrinsic(c.getType(), "llvm.amdgcn.wmma.f32.16x16x16.f16", {a, b, c});
}

void AmdTarget::waitForLoads(Emit &e) const {
  if (chip_->isa == amd::Isa::Gfx12) {
    e.intrinsic({}, "llvm.amdgcn.s.wait.loadcnt", {e.constant(e.i16(), 0)});
    return;
  }
  // vmcnt 0; lgkmcnt and expcnt, whose fields are all ones, as they may be.
  const int64_t counts = chip_->isa == amd::Isa::Gfx11 ? 0x03f7 : 0x3f70;
  e.intrinsic({}, "llvm.amdgcn.s.waitcnt", {e.constant(e.i32(), counts)});
}

} // namespace rosso

// Primitives of the translator: the functions of isa/Lanes.h on LLVM values, so that the rows of
// isa/rows/ emit code where the interpreter computes.
//
// A lane value is a <32 x i32>, a wide one <32 x i64>, a mask <32 x i1>; scalars i32, i64 and i1.
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Intrinsics.h>

#include <cstdint>

namespace rosso::emulator::translate {

using Builder = llvm::IRBuilder<>;

struct Val {
  llvm::Value *v = nullptr;
  Builder *b = nullptr;

  llvm::Type *type() const { return v->getType(); }
};

inline Val like(Val x, llvm::Value *v) { return {v, x.b}; }
inline Val splat(Val x, uint64_t value) {
  return like(x, llvm::ConstantInt::get(x.type(), value, false, /*ImplicitTrunc=*/true));
}
/// The type with x's lanes, if it has any, of another element.
inline llvm::Type *withElement(Val x, llvm::Type *element) {
  auto *vector = llvm::dyn_cast<llvm::VectorType>(x.type());
  return vector ? llvm::VectorType::get(element, vector->getElementCount()) : element;
}
/// The same bits as lanes of `element`; undoes a cast rather than adding another.
inline Val recast(Val x, llvm::Type *element) {
  llvm::Type *type = withElement(x, element);
  if (auto *cast = llvm::dyn_cast<llvm::BitCastInst>(x.v); cast && cast->getSrcTy() == type)
    return like(x, cast->getOperand(0));
  return like(x, x.b->CreateBitCast(x.v, type));
}
inline Val asFloat(Val x) { return recast(x, x.b->getFloatTy()); }
inline Val asDouble(Val x) { return recast(x, x.b->getDoubleTy()); }
inline Val asBits(Val x) { return recast(x, x.b->getIntNTy(x.type()->getScalarSizeInBits())); }

// --- operators ---

inline Val operator+(Val a, Val c) { return like(a, a.b->CreateAdd(a.v, c.v)); }
inline Val operator-(Val a, Val c) { return like(a, a.b->CreateSub(a.v, c.v)); }
inline Val operator*(Val a, Val c) { return like(a, a.b->CreateMul(a.v, c.v)); }
inline Val operator&(Val a, Val c) { return like(a, a.b->CreateAnd(a.v, c.v)); }
inline Val operator|(Val a, Val c) { return like(a, a.b->CreateOr(a.v, c.v)); }
inline Val operator^(Val a, Val c) { return like(a, a.b->CreateXor(a.v, c.v)); }
inline Val operator<<(Val a, Val c) { return like(a, a.b->CreateShl(a.v, c.v)); }
inline Val operator>>(Val a, Val c) { return like(a, a.b->CreateLShr(a.v, c.v)); }
inline Val operator~(Val a) { return like(a, a.b->CreateNot(a.v)); }
inline Val operator+(Val a, uint64_t c) { return a + splat(a, c); }
inline Val operator-(Val a, uint64_t c) { return a - splat(a, c); }
inline Val operator*(Val a, uint64_t c) { return a * splat(a, c); }
inline Val operator&(Val a, uint64_t c) { return a & splat(a, c); }
inline Val operator|(Val a, uint64_t c) { return a | splat(a, c); }
inline Val operator^(Val a, uint64_t c) { return a ^ splat(a, c); }
inline Val operator<<(Val a, uint64_t c) { return a << splat(a, c); }
inline Val operator>>(Val a, uint64_t c) { return a >> splat(a, c); }

// --- masks and selection ---

inline Val select(Val m, Val a, Val c) { return like(a, a.b->CreateSelect(m.v, a.v, c.v)); }
inline Val both(Val a, Val c) { return a & c; }
inline Val either(Val a, Val c) { return a | c; }
inline Val inverse(Val a) { return ~a; }
inline Val bitOf(Val m) { return like(m, m.b->CreateZExt(m.v, withElement(m, m.b->getInt32Ty()))); }
inline Val always(Val x, bool value) {
  return like(x, llvm::ConstantInt::get(withElement(x, x.b->getInt1Ty()), value));
}
inline Val laneIds(Val x) {
  llvm::SmallVector<uint32_t, 32> ids;
  for (uint32_t i = 0; i < 32; ++i)
    ids.push_back(i);
  return like(x, llvm::ConstantDataVector::get(x.b->getContext(), ids));
}

// --- integers ---

inline Val eq(Val a, Val c) { return like(a, a.b->CreateICmpEQ(a.v, c.v)); }
inline Val ltU(Val a, Val c) { return like(a, a.b->CreateICmpULT(a.v, c.v)); }
inline Val ltS(Val a, Val c) { return like(a, a.b->CreateICmpSLT(a.v, c.v)); }
inline Val sra(Val a, Val n) { return like(a, a.b->CreateAShr(a.v, n.v)); }
inline Val zext(Val a) { return like(a, a.b->CreateZExt(a.v, withElement(a, a.b->getInt64Ty()))); }
inline Val sext(Val a) { return like(a, a.b->CreateSExt(a.v, withElement(a, a.b->getInt64Ty()))); }
inline Val low(Val a) { return like(a, a.b->CreateTrunc(a.v, withElement(a, a.b->getInt32Ty()))); }
inline Val high(Val a) { return low(a >> 32u); }
inline Val popcount(Val a) {
  return like(a, a.b->CreateUnaryIntrinsic(llvm::Intrinsic::ctpop, a.v));
}
inline Val reverseBits(Val a) {
  return like(a, a.b->CreateUnaryIntrinsic(llvm::Intrinsic::bitreverse, a.v));
}
inline Val leadingZeros(Val a) {
  return like(a, a.b->CreateIntrinsic(llvm::Intrinsic::ctlz, {a.type()}, {a.v, a.b->getFalse()}));
}
inline Val trailingZeros(Val a) {
  return like(a, a.b->CreateIntrinsic(llvm::Intrinsic::cttz, {a.type()}, {a.v, a.b->getFalse()}));
}
/// {hi, lo} >> n, the low half; n below 32.
inline Val funnelShift(Val hi, Val lo, Val n) {
  return like(hi, hi.b->CreateIntrinsic(llvm::Intrinsic::fshr, {hi.type()}, {hi.v, lo.v, n.v}));
}

// --- floats ---

#define TRANSLATE_BINARY(NAME, AS, CREATE)                                                         \
  inline Val NAME(Val a, Val c) { return asBits(like(a, a.b->CREATE(AS(a).v, AS(c).v))); }
#define TRANSLATE_UNARY(NAME, AS, INTRINSIC)                                                       \
  inline Val NAME(Val a) {                                                                         \
    return asBits(like(a, a.b->CreateUnaryIntrinsic(llvm::Intrinsic::INTRINSIC, AS(a).v)));        \
  }
#define TRANSLATE_COMPARE(NAME, AS, CREATE)                                                        \
  inline Val NAME(Val a, Val c) { return like(a, a.b->CREATE(AS(a).v, AS(c).v)); }
#define TRANSLATE_FLOATS(F, AS)                                                                    \
  TRANSLATE_BINARY(add##F, AS, CreateFAdd)                                                         \
  TRANSLATE_BINARY(sub##F, AS, CreateFSub)                                                         \
  TRANSLATE_BINARY(mul##F, AS, CreateFMul)                                                         \
  TRANSLATE_BINARY(div##F, AS, CreateFDiv)                                                         \
  TRANSLATE_UNARY(sqrt##F, AS, sqrt)                                                               \
  TRANSLATE_UNARY(trunc##F, AS, trunc)                                                             \
  TRANSLATE_UNARY(floor##F, AS, floor)                                                             \
  TRANSLATE_UNARY(ceil##F, AS, ceil)                                                               \
  TRANSLATE_UNARY(round##F, AS, roundeven)                                                         \
  TRANSLATE_COMPARE(lt##F, AS, CreateFCmpOLT)                                                      \
  TRANSLATE_COMPARE(le##F, AS, CreateFCmpOLE)                                                      \
  TRANSLATE_COMPARE(eq##F, AS, CreateFCmpOEQ)                                                      \
  inline Val fma##F(Val a, Val c, Val d) {                                                         \
    Val x = AS(a);                                                                                 \
    return asBits(                                                                                 \
        like(a, a.b->CreateIntrinsic(llvm::Intrinsic::fma, {x.type()}, {x.v, AS(c).v, AS(d).v}))); \
  }
TRANSLATE_FLOATS(F32, asFloat)
TRANSLATE_FLOATS(F64, asDouble)
#undef TRANSLATE_FLOATS
#undef TRANSLATE_COMPARE
#undef TRANSLATE_UNARY
#undef TRANSLATE_BINARY

inline Val toInteger(Val x, bool isSigned) { // x a float in the range of the integer
  auto *type = withElement(x, x.b->getInt32Ty());
  return like(x, isSigned ? x.b->CreateFPToSI(x.v, type) : x.b->CreateFPToUI(x.v, type));
}
inline Val toI32F32(Val a) { return toInteger(asFloat(a), true); }
inline Val toU32F32(Val a) { return toInteger(asFloat(a), false); }
inline Val toI32F64(Val a) { return toInteger(asDouble(a), true); }
inline Val toU32F64(Val a) { return toInteger(asDouble(a), false); }
inline Val fromI32F32(Val a) {
  return asBits(like(a, a.b->CreateSIToFP(a.v, withElement(a, a.b->getFloatTy()))));
}
inline Val fromU32F32(Val a) {
  return asBits(like(a, a.b->CreateUIToFP(a.v, withElement(a, a.b->getFloatTy()))));
}
inline Val fromI32F64(Val a) {
  return asBits(like(a, a.b->CreateSIToFP(a.v, withElement(a, a.b->getDoubleTy()))));
}
inline Val fromU32F64(Val a) {
  return asBits(like(a, a.b->CreateUIToFP(a.v, withElement(a, a.b->getDoubleTy()))));
}
inline Val widenF32(Val a) {
  return asBits(like(a, a.b->CreateFPExt(asFloat(a).v, withElement(a, a.b->getDoubleTy()))));
}
inline Val roundF64ToF32(Val a) {
  return asBits(like(a, a.b->CreateFPTrunc(asDouble(a).v, withElement(a, a.b->getFloatTy()))));
}
inline Val widenF16(Val a) {
  llvm::Value *bits = a.b->CreateTrunc(a.v, withElement(a, a.b->getInt16Ty()));
  llvm::Value *half = a.b->CreateBitCast(bits, withElement(a, a.b->getHalfTy()));
  return asBits(like(a, a.b->CreateFPExt(half, withElement(a, a.b->getFloatTy()))));
}
inline Val roundF32ToF16(Val a) {
  llvm::Value *half = a.b->CreateFPTrunc(asFloat(a).v, withElement(a, a.b->getHalfTy()));
  llvm::Value *bits = a.b->CreateBitCast(half, withElement(a, a.b->getInt16Ty()));
  return like(a, a.b->CreateZExt(bits, withElement(a, a.b->getInt32Ty())));
}

} // namespace rosso::emulator::translate

// The small vocabulary in which kernels are written: integers, floats, vectors, loads and loops.
//
// Everything is an MLIR value of the arith, scf, math and LLVM dialects. Index arithmetic has one
// type throughout, `index()`: i64, or i32 on a GPU, where 64-bit integers cost double. Operations
// fold as they are built, so that a template may multiply by a stride of one without thinking of
// it.
#pragma once

#include "support/Dim.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"

#include <functional>
#include <map>

namespace rosso {

using mlir::Type;
using mlir::Value;
using mlir::ValueRange;
using Values = llvm::SmallVector<Value, 4>;

/// What LLVM may make of a loop.
enum class LoopStyle {
  Free,
  Scalar, // no vectors of several steps: those are made of the loops inside
  Whole   // not unrolled before it is vectorised
};

/// What differs in the vocabulary between a CPU and a GPU.
struct EmitStyle {
  unsigned indexBits = 64;
  bool gpu = false; // stack memory is private (address space 5), math native
};

class Emit {
public:
  Emit(mlir::OpBuilder &builder, mlir::Location loc, EmitStyle style = {})
      : b(builder), loc(loc), style_(style) {}

  mlir::OpBuilder &b;
  mlir::Location loc;

  bool isGpu() const { return style_.gpu; }

  // Types.
  Type i1() { return b.getI1Type(); }
  Type i8() { return b.getIntegerType(8); }
  Type i16() { return b.getIntegerType(16); }
  Type i32() { return b.getI32Type(); }
  Type i64() { return b.getI64Type(); }
  Type index() { return b.getIntegerType(style_.indexBits); }
  Type f16() { return b.getF16Type(); }
  Type f32() { return b.getF32Type(); }
  Type f64() { return b.getF64Type(); }
  Type pointer(unsigned addressSpace = 0) {
    return mlir::LLVM::LLVMPointerType::get(b.getContext(), addressSpace);
  }
  /// vector<lanes x element>, or the element itself for one lane.
  Type vectorOf(Type element, int64_t lanes);
  /// `element` with the lanes of `shape`.
  Type like(Type shape, Type element);

  // Constants; a splat where the type is a vector.
  Value constant(int64_t value); // an index; one op for each value of a function
  Value constant(Type type, int64_t value);
  Value constantFloat(Type type, double value);
  Value zero(Type type);

  // Integers, all of one type. Division and remainder are of values known not to be negative.
  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value divide(Value a, Value b);
  Value remainder(Value a, Value b);
  Value ceilDivide(Value a, int64_t divisor);
  Value minimum(Value a, Value b);
  Value maximum(Value a, Value b);
  Value bitAnd(Value a, Value b);
  Value bitAnd(Value a, int64_t mask);
  Value bitOr(Value a, Value b);
  Value bitXor(Value a, int64_t mask);
  Value shiftLeft(Value a, int64_t bits);
  Value shiftRight(Value a, int64_t bits); // logical
  Value shiftRight(Value a, Value bits);   // logical
  Value shiftRightSigned(Value a, int64_t bits);
  Value less(Value a, Value b); // signed
  Value equal(Value a, Value b);

  // Floats. Products may contract into fused multiply-adds.
  Value addF(Value a, Value b);
  Value subF(Value a, Value b);
  Value mulF(Value a, Value b);
  Value divF(Value a, Value b);
  Value fma(Value a, Value b, Value c);
  Value maximumF(Value a, Value b);
  Value select(Value condition, Value yes, Value no);

  // Conversions; to and from vectors keep the lanes.
  Value zeroExtend(Value v, Type element);
  Value signExtend(Value v, Type element);
  Value truncate(Value v, Type element);
  Value bitcast(Value v, Type type);
  Value toFloat(Value v, Type element); // from a signed integer
  Value extendFloat(Value v, Type element);
  Value splat(Value scalar, int64_t lanes);
  Value lane(Value vector, int64_t index);
  /// exp2 of an f32 scalar or vector, relative error below 2e-7; 0 below -126, +inf above 128.
  Value exp2(Value x);
  Value exp(Value x);

  // Memory. Offsets are in bytes.
  Value at(Value pointer, Value byteOffset);
  Value at(Value pointer, int64_t byteOffset);
  Value load(Type type, Value pointer, unsigned align = 1);
  void store(Value value, Value pointer, unsigned align = 1);
  /// Stack memory of the function, 64-byte aligned, allocated at its entry.
  Value stack(int64_t bytes);

  // Control flow.
  using LoopBody = std::function<Values(Value index, ValueRange carried)>;
  Values loop(Value begin, Value end, int64_t step, ValueRange init, const LoopBody &body,
              LoopStyle style = LoopStyle::Free);
  void loop(Value begin, Value end, int64_t step, const std::function<void(Value)> &body,
            LoopStyle style = LoopStyle::Free);
  void ifThen(Value condition, const std::function<void()> &then);
  void ifThenElse(Value condition, const std::function<void()> &then,
                  const std::function<void()> &otherwise);
  /// `value()` where the condition holds, computed only there, and else `otherwise`.
  Value valueIf(Value condition, const std::function<Value()> &value, Value otherwise);

  // Across the lanes of a vector.
  Value reduceAddF(Value vector); // in any order
  Value reduceMaxF(Value vector); // of numbers
  Value reduceAdd(Value vector);

  /// An LLVM intrinsic: `intrinsic(type, "llvm.amdgcn.rsq", {x})`.
  Value intrinsic(Type result, llvm::StringRef name, ValueRange arguments);

private:
  EmitStyle style_;
  std::map<int64_t, Value> constants_; // indices, at the function's entry
};

} // namespace rosso

#include "codegen/host/HostTarget.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#include <mutex>
#include <thread>

namespace rosso {

using namespace mlir;

namespace {

Value bytesOf(Emit &e, Value dwords) {
  return e.bitcast(dwords,
                   e.vectorOf(e.i8(), 4 * cast<VectorType>(dwords.getType()).getDimSize(0)));
}

Value slice(Emit &e, Value vector, int64_t begin, int64_t size) {
  llvm::SmallVector<int64_t> lanes;
  for (int64_t i = 0; i < size; ++i)
    lanes.push_back(begin + i);
  return vector::ShuffleOp::create(e.b, e.loc, vector, vector, lanes);
}

/// Applies `half` to the low and the high half of the operands and joins the results.
template <typename Half> Value byHalves(Emit &e, ArrayRef<Value> operands, Half half) {
  int64_t lanes = cast<VectorType>(operands[0].getType()).getDimSize(0);
  Value results[2];
  for (int side : {0, 1}) {
    Values halves;
    for (Value v : operands)
      halves.push_back(slice(e, v, side * lanes / 2, lanes / 2));
    results[side] = half(halves);
  }
  auto resultLanes = cast<VectorType>(results[0].getType()).getDimSize(0);
  llvm::SmallVector<int64_t> order;
  for (int64_t i = 0; i < 2 * resultLanes; ++i)
    order.push_back(i);
  return vector::ShuffleOp::create(e.b, e.loc, results[0], results[1], order);
}

} // namespace

void initializeNativeTarget() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
}

HostTarget HostTarget::detect() {
  HostTarget target;
  target.triple = llvm::sys::getDefaultTargetTriple();
  target.cpu = llvm::sys::getHostCPUName().str();
  target.cores = std::thread::hardware_concurrency();
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  for (const char *name : {"avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512dq",
                           "avx512vnni", "avx512vbmi", "avx512bf16", "avxvnni"})
    if (features.lookup(name))
      target.features += (target.features.empty() ? "+" : ",+") + std::string(name);
  target.setAbilities([&](const char *feature) { return features.lookup(feature); });
  return target;
}

Result<HostTarget> HostTarget::named(const std::string &cpu) {
  HostTarget target;
  target.triple = llvm::sys::getDefaultTargetTriple();
  target.cpu = cpu;
  initializeNativeTarget();
  std::string error;
  llvm::Triple triple(target.triple);
  const llvm::Target *chip = llvm::TargetRegistry::lookupTarget(triple, error);
  std::unique_ptr<llvm::MCSubtargetInfo> features;
  if (chip)
    features.reset(chip->createMCSubtargetInfo(triple, cpu, ""));
  if (!features || !features->isCPUStringValid(cpu))
    return unsupported("target host:" + cpu + ": LLVM knows no such CPU for " + target.triple);
  target.setAbilities(
      [&](const char *feature) { return features->checkFeatures("+" + std::string(feature)); });
  return target;
}

void HostTarget::setAbilities(const std::function<bool(const char *feature)> &has) {
  if (!llvm::Triple(triple).isX86())
    return;
  hasAvx2 = has("avx2");
  hasAvx512 = has("avx512f") && has("avx512bw") && has("avx512vl");
  hasVnni512 = hasAvx512 && has("avx512vnni");
}

Value HostTarget::dotBytes(Emit &e, Value acc, Value left, Value right) const {
  if (hasVnni512)
    return e.intrinsic(acc.getType(), "llvm.x86.avx512.vpdpbusd.512",
                       {acc, bytesOf(e, left), bytesOf(e, right)});
  // Bytes 0 and 2, then 1 and 3, as pairs of i16: products below 2^15 whose sum fits i32.
  Value sum = acc;
  for (int odd : {0, 1}) {
    Value unsignedPairs = e.bitAnd(e.shiftRight(left, 8 * odd), 0x00ff00ffll);
    auto pairs = [&](Value v) { return e.bitcast(v, e.vectorOf(e.i16(), 32)); };
    Value u = pairs(unsignedPairs);
    Value s = pairs(right);
    if (!odd)
      s = e.shiftLeft(s, 8);
    s = e.shiftRightSigned(s, 8);
    Value products;
    if (hasAvx512) {
      products = e.intrinsic(acc.getType(), "llvm.x86.avx512.pmaddw.d.512", {u, s});
    } else if (hasAvx2) {
      products = byHalves(e, {u, s}, [&](const Values &half) {
        return e.intrinsic(e.vectorOf(e.i32(), 8), "llvm.x86.avx2.pmadd.wd", half);
      });
    } else {
      // Portable: the two i16 of each dword, multiplied as i32.
      Value ud = e.bitcast(u, acc.getType()), sd = e.bitcast(s, acc.getType());
      Value low = e.mul(e.bitAnd(ud, 0xffff), e.shiftRightSigned(e.shiftLeft(sd, 16), 16));
      products = e.add(low, e.mul(e.shiftRight(ud, 16), e.shiftRightSigned(sd, 16)));
    }
    sum = e.add(sum, products);
  }
  return sum;
}

Value HostTarget::lookupBytes(Emit &e, Value codes, std::span<const int8_t> table, int bias) const {
  auto entry = [&](size_t i) { return static_cast<uint8_t>(table[i] + bias); };
  if (hasAvx2) {
    // pshufb looks up within each 128-bit part: the table is repeated in all of them.
    unsigned bytes = hasAvx512 ? 64 : 32;
    llvm::SmallVector<int8_t> repeated;
    for (unsigned i = 0; i < bytes; ++i)
      repeated.push_back(static_cast<int8_t>(entry(i % 16)));
    auto type = VectorType::get({bytes}, e.i8());
    Value tableVector = arith::ConstantOp::create(
        e.b, e.loc, DenseElementsAttr::get(type, ArrayRef<int8_t>(repeated)));
    auto shuffle = [&](const Values &half) {
      return e.intrinsic(type, hasAvx512 ? "llvm.x86.avx512.pshuf.b.512" : "llvm.x86.avx2.pshuf.b",
                         {tableVector, half[0]});
    };
    Value bytesIn = bytesOf(e, codes);
    Value bytesOut = hasAvx512 ? shuffle({bytesIn}) : byHalves(e, {bytesIn}, shuffle);
    return e.bitcast(bytesOut, codes.getType());
  }
  Value bytesIn = bytesOf(e, codes);
  Value result = e.constant(bytesIn.getType(), static_cast<int8_t>(entry(0)));
  for (size_t i = 1; i < table.size(); ++i)
    result = e.select(e.equal(bytesIn, e.constant(bytesIn.getType(), static_cast<int64_t>(i))),
                      e.constant(bytesIn.getType(), static_cast<int8_t>(entry(i))), result);
  return e.bitcast(result, codes.getType());
}

VectorUnit HostTarget::vectors() const {
  if (hasAvx512)
    return {.bytes = 64, .registers = 32};
  if (hasAvx2)
    return {.bytes = 32, .registers = 16};
  const bool isArm = llvm::Triple(triple).isAArch64();
  return {.bytes = 16, .registers = isArm ? 32 : 16};
}

void HostTarget::prefetch(Emit &e, Value pointer) const {
  LLVM::Prefetch::create(e.b, e.loc, pointer, /*rw=*/0, /*hint=*/3, /*cache=*/1);
}

} // namespace rosso

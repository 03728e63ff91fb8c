#include "codegen/amdgpu/Wave.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace rosso {

using namespace mlir;

namespace {

constexpr unsigned kSharedSpace = 3, kConstantSpace = 4;
constexpr int64_t kRowXmask = 0x160; // DPP control on gfx10 and later: lane ^ n within 16 lanes

} // namespace

Wave::Wave(Emit &e, KernelContext &kernel, int64_t threads)
    : e_(e), kernel_(kernel), threads_(threads) {
  assert(threads % kWaveLanes == 0 && threads <= 1024);
  kernel.threads = threads;
  group_ = e.intrinsic(e.i32(), "llvm.amdgcn.workgroup.id.x", {});
  thread_ = e.intrinsic(e.i32(), "llvm.amdgcn.workitem.id.x", {});
  if (threads == kWaveLanes) {
    lane_ = thread_;
    number_ = e.constant(0);
  } else {
    lane_ = e.bitAnd(thread_, kWaveLanes - 1);
    number_ = uniform(e.shiftRight(thread_, 5));
  }
}

Value Wave::uniform(Value v) { return e_.intrinsic(v.getType(), "llvm.amdgcn.readfirstlane", {v}); }

Value Wave::shared(int64_t bytes) {
  auto function = e_.b.getInsertionBlock()->getParent()->getParentOfType<func::FuncOp>();
  std::string name = function.getName().str() + ".lds" + std::to_string(kernel_.sharedCount++);
  OpBuilder::InsertionGuard guard(e_.b);
  e_.b.setInsertionPoint(function);
  auto type = LLVM::LLVMArrayType::get(e_.i8(), static_cast<uint64_t>(bytes));
  LLVM::GlobalOp::create(e_.b, e_.loc, type, /*isConstant=*/false, LLVM::Linkage::Internal, name,
                         Attribute(), /*alignment=*/16, kSharedSpace);
  e_.b.setInsertionPointToStart(&function.getBody().front());
  return LLVM::AddressOfOp::create(e_.b, e_.loc, e_.pointer(kSharedSpace), name);
}

/// Fences only for shared memory: global loads may stay in flight across the barrier.
void Wave::barrier() {
  auto local = LLVM::MMRATagAttr::get(e_.b.getContext(), "amdgpu-synchronize-as", "local");
  auto fence = [&](LLVM::AtomicOrdering ordering) {
    auto op = LLVM::FenceOp::create(e_.b, e_.loc, ordering, "workgroup");
    op->setDiscardableAttr(LLVM::LLVMDialect::getMmraAttrName(), local);
  };
  fence(LLVM::AtomicOrdering::release);
  e_.intrinsic({}, "llvm.amdgcn.s.barrier", {});
  fence(LLVM::AtomicOrdering::acquire);
}

/// No instruction: a wave's accesses to shared memory are in order.
void Wave::settle() {
  LLVM::FenceOp::create(e_.b, e_.loc, LLVM::AtomicOrdering::acq_rel, "wavefront");
}

void Wave::release() {
  LLVM::FenceOp::create(e_.b, e_.loc, LLVM::AtomicOrdering::release, "agent");
}

void Wave::acquire() {
  LLVM::FenceOp::create(e_.b, e_.loc, LLVM::AtomicOrdering::acquire, "agent");
}

Value Wave::addAtomic(Value pointer, Value amount) {
  auto space = cast<LLVM::LLVMPointerType>(pointer.getType()).getAddressSpace();
  return LLVM::AtomicRMWOp::create(e_.b, e_.loc, LLVM::AtomicBinOp::add, pointer, amount,
                                   LLVM::AtomicOrdering::monotonic,
                                   space == kSharedSpace ? "workgroup" : "agent");
}

Value Wave::exchange(Value v, int64_t bits) {
  Type type = v.getType();
  Value word = e_.bitcast(v, e_.i32());
  auto flag = [&](bool value) { return e_.constant(e_.i1(), value); };
  auto number = [&](int64_t value) { return e_.constant(e_.i32(), value); };
  if (int64_t within = bits & 15)
    word =
        e_.intrinsic(e_.i32(), "llvm.amdgcn.update.dpp",
                     {word, word, number(kRowXmask + within), number(15), number(15), flag(true)});
  if (bits & 16)
    word = e_.intrinsic(e_.i32(), "llvm.amdgcn.permlanex16",
                        {word, word, number(0x76543210), number(static_cast<int32_t>(0xfedcba98u)),
                         flag(true), flag(false)});
  return e_.bitcast(word, type);
}

Value Wave::exchangeAny(Value v, int64_t bits) {
  Type type = v.getType();
  unsigned width = type.getIntOrFloatBitWidth();
  if (width == 32)
    return exchange(v, bits);
  Type integer = e_.b.getIntegerType(width);
  Value raw = e_.bitcast(v, integer);
  if (width < 32)
    return e_.bitcast(e_.truncate(exchange(e_.zeroExtend(raw, e_.i32()), bits), integer), type);
  Value low = exchange(e_.truncate(raw, e_.i32()), bits);
  Value high = exchange(e_.truncate(e_.shiftRight(raw, 32), e_.i32()), bits);
  Value joined = arith::OrIOp::create(e_.b, e_.loc, e_.zeroExtend(low, integer),
                                      e_.shiftLeft(e_.zeroExtend(high, integer), 32));
  return e_.bitcast(joined, type);
}

Value Wave::shuffle(Value v, Value from) {
  Value word = e_.intrinsic(e_.i32(), "llvm.amdgcn.ds.bpermute",
                            {e_.shiftLeft(from, 2), e_.bitcast(v, e_.i32())});
  return e_.bitcast(word, v.getType());
}

Value Wave::reduce(Value v, const Combine &combine) {
  for (int64_t bits = 1; bits < kWaveLanes; bits *= 2)
    v = combine(v, exchangeAny(v, bits));
  return v;
}

Value Wave::reduceGroup(Value v, const Combine &combine) {
  v = reduce(v, combine);
  if (waves() == 1)
    return v;
  Type type = v.getType();
  Value partials = shared(waves() * 8);
  e_.ifThen(e_.equal(lane_, e_.constant(0)), [&] { storeElement(e_, type, v, partials, number_); });
  barrier();
  Value all = loadElement(e_, type, partials, e_.constant(0));
  for (int64_t i = 1; i < waves(); ++i)
    all = combine(all, loadElement(e_, type, partials, e_.constant(i)));
  return all;
}

Value constantMemory(Emit &e, Value pointer) {
  return LLVM::AddrSpaceCastOp::create(e.b, e.loc, e.pointer(kConstantSpace), pointer);
}

} // namespace rosso

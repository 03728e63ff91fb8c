#include "runtime/emulator/translate/Translator.h"

#include "runtime/emulator/isa/FloatEnvironment.h"
#include "runtime/emulator/translate/Emitter.h"

#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/Utils/Local.h>

#include <cstdlib>
#include <ctime>

namespace rosso::emulator {
namespace {

using namespace translate;

/// ROSSO_DUMP_TRANSLATION=1 prints what becomes of kernels, =2 also their code.
const char *const kDump = std::getenv("ROSSO_DUMP_TRANSLATION");

/// Of this thread on the processor.
double cpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// What the host function returns.
enum class Left : uint32_t { AtBarrier, Ended, Yielded, Failed, Jumped, Elsewhere };
using HostFunction = uint32_t (*)(Wave *, SegmentRuns *);

/// Where things lie in a Wave, which is no plain struct.
struct WaveLayout {
  size_t registers, pc, instructions, slots, yieldAt, signalled;

  static const WaveLayout &get() {
    static const WaveLayout kLayout = [] {
      const auto wave = std::make_unique<Wave>();
      auto at = [&](const void *member) {
        return static_cast<size_t>(static_cast<const char *>(member) -
                                   reinterpret_cast<const char *>(wave.get()));
      };
      return WaveLayout{at(&wave->registers), at(&wave->pc),      at(&wave->instructions),
                        at(&wave->slots),     at(&wave->yieldAt), at(&wave->signalled)};
    }();
    return kLayout;
  }
};

class FunctionBuilder {
public:
  FunctionBuilder(const TranslationInput &input, llvm::Module &module,
                  const llvm::MCSubtargetInfo &host)
      : input_(input), module_(module), host_(host), builder_(module.getContext()) {}

  void build();
  size_t instructions = 0, interpreted = 0;

private:
  llvm::Value *waveField(size_t offset) {
    return builder_.CreateConstInBoundsGEP1_64(builder_.getInt8Ty(), wave_, offset);
  }
  llvm::Value *pointer(const void *p) {
    return builder_.CreateIntToPtr(builder_.getInt64(reinterpret_cast<uintptr_t>(p)),
                                   builder_.getPtrTy());
  }
  llvm::BasicBlock *newBlock() {
    return llvm::BasicBlock::Create(module_.getContext(), "", function_);
  }
  void add(llvm::Value *at, llvm::Value *what) {
    auto *old = builder_.CreateLoad(what->getType(), at);
    builder_.CreateStore(builder_.CreateAdd(old, what), at);
  }
  void leave(Left how) { builder_.CreateRet(builder_.getInt32(static_cast<uint32_t>(how))); }
  void leaveAt(const Step *pc, Left how) {
    builder_.CreateStore(pointer(pc), waveField(WaveLayout::get().pc));
    leave(how);
  }
  void emitBlock(size_t index);
  void deleteUnused();
  void emitSegment(const Block &block, const Step &step);
  void emitAlu(const Step &step);
  void callExecute(const Step &step);
  bool inlines(const BoundAlu &alu) const;
  llvm::Value *holds(Condition condition);

  const TranslationInput &input_;
  llvm::Module &module_;
  const llvm::MCSubtargetInfo &host_;
  Builder builder_;
  llvm::Function *function_ = nullptr;
  llvm::Value *wave_ = nullptr, *runs_ = nullptr;
  std::unique_ptr<Emitter> emitter_;
  Flow flow_;
  std::vector<llvm::BasicBlock *> heads_;
  llvm::SwitchInst *entrySwitch_ = nullptr;
  Known known_; // at the step being translated
};

void resumeAt(llvm::SwitchInst *entrySwitch, const Step *step, llvm::BasicBlock *block) {
  auto *type = llvm::Type::getInt64Ty(entrySwitch->getContext());
  entrySwitch->addCase(llvm::ConstantInt::get(type, reinterpret_cast<uintptr_t>(step)), block);
}

void FunctionBuilder::build() {
  Known atEntry;
  atEntry.set(Known::kMode, input_.mode);
  if (input_.fullWaves)
    atEntry.set(kExecLo, ~0u);
  flow_ = analyse(input_.regions, input_.entry, atEntry);

  auto *type = llvm::FunctionType::get(builder_.getInt32Ty(),
                                       {builder_.getPtrTy(), builder_.getPtrTy()}, false);
  function_ = llvm::Function::Create(type, llvm::Function::ExternalLinkage, "kernel", module_);
  function_->addFnAttr("prefer-vector-width", "512");
  function_->addFnAttr("min-legal-vector-width", "512");
  if (denormalsOf(input_.mode, false) != 3)
    function_->addFnAttr("denormal-fp-math-f32", "preserve-sign,preserve-sign");
  function_->addFnAttr(llvm::Attribute::NoUnwind);
  wave_ = function_->getArg(0);
  runs_ = function_->getArg(1);

  builder_.SetInsertPoint(newBlock());
  llvm::Value *registers = waveField(WaveLayout::get().registers);
  emitter_ = std::make_unique<Emitter>(builder_, registers, input_.mode);
  if (host_.getTargetTriple().isX86() && host_.checkFeatures("+avx512bw,+avx512vl")) {
    emitter_->hasVnni = host_.checkFeatures("+avx512vnni");
    emitter_->hasVbmi = host_.checkFeatures("+avx512vbmi");
  }

  auto *elsewhere = newBlock();
  auto *pc = builder_.CreateLoad(builder_.getInt64Ty(), waveField(WaveLayout::get().pc));
  entrySwitch_ = builder_.CreateSwitch(pc, elsewhere);
  for (const Block &block : flow_.blocks) {
    heads_.push_back(newBlock());
    if (block.resumes || &block.steps.front() == input_.entry)
      resumeAt(entrySwitch_, &block.steps.front(), heads_.back());
  }
  builder_.SetInsertPoint(elsewhere);
  leave(Left::Elsewhere);
  for (size_t i = 0; i < flow_.blocks.size(); ++i)
    emitBlock(i);
  deleteUnused();
}

/// Results nobody reads, like most of SCC: the code generator is the slow part.
void FunctionBuilder::deleteUnused() {
  for (llvm::BasicBlock &block : *function_)
    for (auto at = block.rbegin(); at != block.rend();) {
      llvm::Instruction &instruction = *at++;
      if (instruction.use_empty() && llvm::isInstructionTriviallyDead(&instruction))
        instruction.eraseFromParent();
    }
}

void FunctionBuilder::emitSegment(const Block &block, const Step &step) {
  Val lanes =
      emitter_->allLanes() ? emitter_->constant(kLanes) : popcount(emitter_->scalar(kExecLo));
  const size_t at = step.segment * sizeof(SegmentRuns);
  auto *runs = builder_.CreateConstInBoundsGEP1_64(builder_.getInt8Ty(), runs_,
                                                   at + offsetof(SegmentRuns, runs));
  auto *sum = builder_.CreateConstInBoundsGEP1_64(builder_.getInt8Ty(), runs_,
                                                  at + offsetof(SegmentRuns, lanes));
  const WaveLayout &layout = WaveLayout::get();
  add(runs, builder_.getInt64(1));
  add(sum, builder_.CreateZExt(lanes.v, builder_.getInt64Ty()));
  add(waveField(layout.slots), builder_.getInt64(step.counted->slots));
  add(waveField(layout.instructions), builder_.getInt64(step.counted->instructions));
  instructions += step.counted->instructions;
  if (!block.loopHead || &step != &block.steps.front())
    return;
  auto *ran = builder_.CreateLoad(builder_.getInt64Ty(), waveField(layout.instructions));
  auto *limit = builder_.CreateLoad(builder_.getInt64Ty(), waveField(layout.yieldAt));
  auto *body = newBlock(), *yields = newBlock();
  builder_.CreateCondBr(builder_.CreateICmpULT(ran, limit), body, yields);
  builder_.SetInsertPoint(yields);
  leaveAt(&step + 1, Left::Yielded);
  builder_.SetInsertPoint(body);
  resumeAt(entrySwitch_, &step + 1, body);
  emitter_->begin(known_); // values from before do not reach those who resume here
}

/// Whether LLVM's floating point does what the instruction asks for, under the control register
/// that the wave runs with.
bool FunctionBuilder::inlines(const BoundAlu &alu) const {
  if (!findEmit(*alu.op) || alu.op->name == "s_round_mode" || alu.op->name == "s_denorm_mode")
    return false;
  using enum OperandType;
  bool isFloat = false, is16 = false, is64 = false;
  auto look = [&](OperandType type) {
    isFloat |=
        type == F32 || type == F16 || type == F64 || type == P16 || type == W16 || type == Mix;
    is16 |= type == F16 || type == P16 || type == W16 || type == Mix;
    is64 |= type == F64;
  };
  look(alu.op->result);
  for (OperandType type : alu.op->source)
    look(type);
  if (!isFloat)
    return true;
  const uint32_t mode = input_.mode;
  if (known_.get(Known::kMode) != mode || roundingOf(mode, false) != 0 ||
      roundingOf(mode, true) != 0)
    return false;
  if (is16 && (denormalsOf(mode, true) != 3 || alu.omod))
    return false;
  return !is64 || (denormalsOf(mode, true) == denormalsOf(mode, false) && !alu.omod && !alu.clamp);
}

void FunctionBuilder::emitAlu(const Step &step) {
  const BoundAlu &alu = *step.alu;
  const BoundAlu *second = alu.second.get();
  const bool opaque = isOpaque(step);
  if (!opaque && inlines(alu) && (!second || inlines(*second))) {
    if (!second) {
      findEmit (*alu.op)(*emitter_, alu);
      return;
    }
    // Both halves read before either writes: the first one's result is put aside.
    const unsigned x = alu.destination.index, y = second->destination.index;
    Val before = emitter_->vgpr(x);
    findEmit (*alu.op)(*emitter_, alu);
    Val after = emitter_->vgpr(x);
    if (x == y)
      return;
    emitter_->setVgpr(x, before);
    findEmit (*second->op)(*emitter_, *second);
    emitter_->setVgpr(x, after);
    return;
  }
  ++interpreted;
  if (kDump)
    llvm::errs() << "; interpreted: " << step.instruction->text << "\n";
  RegisterSet all;
  all.set();
  const StepEffects effects = effectsOf(step, false);
  emitter_->writeBack(opaque || changesMode(step) ? all : effects.reads | effects.writes);
  auto *type = llvm::FunctionType::get(builder_.getVoidTy(),
                                       {builder_.getPtrTy(), builder_.getPtrTy()}, false);
  builder_.CreateCall(type, pointer(reinterpret_cast<const void *>(alu.execute)),
                      {pointer(&alu), waveField(WaveLayout::get().registers)});
  emitter_->forget(opaque ? all : effects.writes);
}

/// Calls the engine's function for the step; on failure the wave ends.
void FunctionBuilder::callExecute(const Step &step) {
  const bool opaque = isOpaque(step);
  RegisterSet all, scalars;
  all.set();
  for (unsigned i = kFirstScalar; i < kAllRegisters; ++i)
    scalars.set(i);
  const StepEffects effects = effectsOf(step, emitter_->allLanes());
  if (opaque)
    emitter_->writeBack(all);
  else if (step.instructionClass != InstructionClass::Wait) // those have no operands
    emitter_->writeBack(effects.reads | (effects.writes & ~effects.kills) | scalars);
  auto *type = llvm::FunctionType::get(builder_.getInt1Ty(),
                                       {builder_.getPtrTy(), builder_.getPtrTy()}, false);
  auto *call = builder_.CreateCall(type, pointer(reinterpret_cast<const void *>(step.execute)),
                                   {wave_, pointer(&step)});
  call->addRetAttr(llvm::Attribute::ZExt);
  auto *goesOn = newBlock(), *fails = newBlock();
  builder_.CreateCondBr(call, goesOn, fails);
  builder_.SetInsertPoint(fails);
  leave(Left::Failed);
  builder_.SetInsertPoint(goesOn);
  emitter_->forget(opaque ? all : effects.writes);
}

llvm::Value *FunctionBuilder::holds(Condition condition) {
  auto isZero = [&](unsigned index) { return eq(emitter_->scalar(index), emitter_->constant(0)); };
  switch (condition) {
  case Condition::Scc0:
    return inverse(emitter_->scc()).v;
  case Condition::Scc1:
    return emitter_->scc().v;
  case Condition::Vccz:
    return isZero(kVccLo).v;
  case Condition::Vccnz:
    return inverse(isZero(kVccLo)).v;
  case Condition::Execz:
    return isZero(kExecLo).v;
  case Condition::Execnz:
    return inverse(isZero(kExecLo)).v;
  default:
    return builder_.getTrue();
  }
}

void FunctionBuilder::emitBlock(size_t index) {
  const Block &block = flow_.blocks[index];
  builder_.SetInsertPoint(heads_[index]);
  known_ = block.atStart;
  emitter_->begin(known_);
  if (!block.reached) {
    leaveAt(&block.steps.front(), Left::Elsewhere);
    return;
  }
  for (const Step &step : block.steps) {
    switch (step.kind) {
    case StepKind::Segment:
      emitSegment(block, step);
      break;
    case StepKind::Alu:
      emitAlu(step);
      break;
    case StepKind::Execute:
      callExecute(step);
      break;
    case StepKind::Nop:
      break;
    case StepKind::Signal:
      builder_.CreateStore(builder_.getInt8(1), waveField(WaveLayout::get().signalled));
      break;
    case StepKind::Branch: {
      if (step.execute)
        callExecute(step);
      llvm::Value *taken = holds(step.condition);
      emitter_->writeBack(block.liveAtEnd);
      auto *target = heads_[flow_.byStep.at(step.target)];
      if (step.condition == Condition::Always)
        builder_.CreateBr(target);
      else
        builder_.CreateCondBr(taken, target, heads_[flow_.byStep.at(&step + 1)]);
      return;
    }
    case StepKind::Indirect:
      callExecute(step);
      leaveAt(&step, Left::Jumped);
      return;
    case StepKind::Barrier:
      emitter_->writeBack(block.liveAtEnd);
      leaveAt(&step + 1, Left::AtBarrier);
      return;
    case StepKind::End:
      leaveAt(&step, Left::Ended);
      return;
    }
    known_.after(step);
  }
  emitter_->writeBack(block.liveAtEnd);
  auto next = flow_.byStep.find(&block.steps.back() + 1);
  if (next == flow_.byStep.end())
    leaveAt(&block.steps.back() + 1, Left::Elsewhere);
  else
    builder_.CreateBr(heads_[next->second]);
}

struct JitTranslation final : Translation {
  std::unique_ptr<llvm::orc::LLJIT> jit;
  HostFunction function = nullptr;
  Program *program = nullptr;

  /// Code made here has no type in front of it for a sanitizer to compare.
  __attribute__((no_sanitize("function"))) Stopped run(Wave &wave) const override {
    const FloatEnvironment environment(wave.registers.mode);
    for (;;) {
      if (wave.worker->segments.size() < program->segments())
        wave.worker->segments.resize(program->segments());
      const auto left = static_cast<Left>(function(&wave, wave.worker->segments.data()));
      switch (left) {
      case Left::AtBarrier:
        wave.barrier = wave.pc - 1;
        wave.status = Wave::Status::AtBarrier;
        return Stopped::AtBarrier;
      case Left::Ended:
        wave.status = Wave::Status::Ended;
        return Stopped::Ended;
      case Left::Yielded:
        return Stopped::Yielded;
      case Left::Failed:
        return Stopped::Failed;
      case Left::Jumped:
        wave.pc = program->at(wave.jump);
        break;
      case Left::Elsewhere:
        return runWave(wave);
      }
    }
  }
};

Error failed(llvm::Error error) {
  return {ErrorCode::Internal, "cannot translate the kernel: " + llvm::toString(std::move(error))};
}

} // namespace

Result<std::unique_ptr<Translation>> translateKernel(const TranslationInput &input) {
  const double start = cpuSeconds();
  static const bool kInitialised = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)kInitialised;
  auto machine = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!machine)
    return failed(machine.takeError());
  // Blocks keep nothing in registers for each other, and the rows leave little to optimize: more
  // than the least effort doubles the time of translation and gains nothing.
  machine->setCodeGenOptLevel(llvm::CodeGenOptLevel::None);
  if (!input.hostCpu.empty()) {
    machine->setCPU(input.hostCpu);
    machine->setFeatures("");
  }
  auto host = machine->createTargetMachine();
  if (!host)
    return failed(host.takeError());
  auto jit = llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(*machine)).create();
  if (!jit)
    return failed(jit.takeError());

  auto context = std::make_unique<llvm::LLVMContext>();
  auto module = std::make_unique<llvm::Module>("kernel", *context);
  module->setDataLayout((*jit)->getDataLayout());
  module->setTargetTriple((*jit)->getTargetTriple());
  FunctionBuilder function(input, *module, *(*host)->getMCSubtargetInfo());
  function.build();
  if (kDump && *kDump == '2')
    module->print(llvm::errs(), nullptr);

  auto translation = std::make_unique<JitTranslation>();
  translation->instructions = function.instructions;
  translation->interpreted = function.interpreted;
  translation->program = input.program;
  if (auto error =
          (*jit)->addIRModule(llvm::orc::ThreadSafeModule(std::move(module), std::move(context))))
    return failed(std::move(error));
  auto address = (*jit)->lookup("kernel");
  if (!address)
    return failed(address.takeError());
  translation->function = address->toPtr<HostFunction>();
  translation->jit = std::move(*jit);
  translation->seconds = cpuSeconds() - start;
  if (kDump)
    llvm::errs() << "; " << translation->instructions << " instructions, "
                 << translation->interpreted << " of them interpreted, translated in "
                 << translation->seconds * 1e3 << " ms\n";
  return std::unique_ptr<Translation>(std::move(translation));
}

} // namespace rosso::emulator

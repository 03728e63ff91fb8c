// AmdDevice::load: everything that happens once.
#include "runtime/amd/AmdDevice.h"

#include <algorithm>
#include <cstring>

namespace rosso::amd {
namespace {

constexpr uint64_t kMostPrivateMemory = uint64_t{1} << 30; // less waves at a time instead of more

/// Of what surrounds a run, but for its variables: most are the copies of outputs, 6 for 8 bytes. A
/// single launch with barrier and stamps is shorter.
constexpr size_t kStreamDwords = 512;
constexpr size_t kMostVariables = 4096;

Error internal(const std::string &what) { return {ErrorCode::Internal, what}; }

Result<std::vector<const KernelCode *>> findKernels(const Program &program,
                                                    const CodeObject &code) {
  std::vector<const KernelCode *> found;
  for (const Kernel &kernel : program.kernels) {
    const KernelCode *one = code.find(kernel.symbol);
    if (!one)
      return internal("kernel " + kernel.name + ": no symbol '" + kernel.symbol +
                      ".kd' in the code object");
    if (one->ldsBytes != kernel.ldsBytes)
      return internal("kernel " + kernel.name + ": the program says " +
                      std::to_string(kernel.ldsBytes) + " bytes of LDS, the code object " +
                      std::to_string(one->ldsBytes));
    found.push_back(one);
  }
  return found;
}

} // namespace

Status AmdDevice::load(const Program &program, const ArenaPlan &plan) {
  const Chip &chip = *transport_->gpu().chip;
  if (program.target != target())
    return badInput("device " + options_.name + ": the program is for " + program.target +
                    ", this GPU is " + target() + "; compile it for this device");
  if (program.vars.size() > kMostVariables)
    return internal("program: " + std::to_string(program.vars.size()) + " variables");
  ROSSO_TRY(const CodeObject code, CodeObject::parse(program.code, chip));
  ROSSO_TRY(const std::vector<const KernelCode *> kernels, findKernels(program, code));
  program_ = &program;
  plan_ = &plan;

  layout_ = Layout::of(program, plan);
  auto vram = allocate(layout_.vramBytes, MemoryKind::Vram, "arena");
  if (!vram)
    return Error{vram.error().code,
                 vram.error().message + "; wanted: " + plan.describe() +
                     "; use a shorter context, a smaller model or a stronger quantisation"};
  vram_ = *vram;
  size_t mostLaunches = 0;
  for (const Entry &entry : program.entries)
    mostLaunches = std::max(mostLaunches, entry.launches.size());
  ROSSO_TRY(host_, allocate(std::max(layout_.hostBytes(), kPageBytes), MemoryKind::Host,
                            "inputs and outputs"));
  std::memset(host_.host, 0, host_.bytes);
  ROSSO_TRY(kept_, allocate(kRunsAhead * kKeptBytes, MemoryKind::Host, "kept outputs"));
  ROSSO_TRY(stamps_, allocate(8 * (mostLaunches + 1), MemoryKind::Host, "time stamps"));
  ROSSO_TRY(const PrivateMemory privateMemory, takePrivateMemory(kernels));

  ROSSO_CHECK(placeCode(code));
  ROSSO_CHECK(recordEntries(kernels, privateMemory));
  stream_.reserve(kStreamDwords + 2 * program.vars.size());
  variableDwords_.resize(2 * program.vars.size());
  for (Run &run : runs_)
    run.vars.resize(program.vars.size());
  label();
  if (plan.states.bytes)
    ROSSO_CHECK(copies_->clear(address(plan.states.offset), plan.states.bytes));

  // A first round through the compute queue: it works, and the new code is no longer hidden behind
  // what the instruction caches held.
  ROSSO_CHECK(compute_->follow(copies_->queue()));
  pm4::append(stream_, pm4::AcquireMem{pm4::kAfterCodeWasWritten});
  ROSSO_CHECK(compute_->write(stream_));
  ROSSO_TRY(const uint64_t point, compute_->signal());
  return compute_->wait(point);
}

/// Every wave that may run at a time owns a piece; sized as hardware wants it told, per shader
/// engine. See "scratch" in the register's description.
Result<PrivateMemory> AmdDevice::takePrivateMemory(const std::vector<const KernelCode *> &kernels) {
  uint64_t perThread = 0;
  for (const KernelCode *kernel : kernels)
    perThread = std::max<uint64_t>(perThread, kernel->privateBytes);
  PrivateMemory memory;
  if (perThread == 0 || transport_->gpu().chip->isa == Isa::Gfx10) // launchState refuses gfx10
    return memory;
  // Pieces are for waves of 64 threads, whatever the kernel's are.
  const uint64_t units =
      (64 * perThread + pm4::kTmpringWaveSizeUnit - 1) / pm4::kTmpringWaveSizeUnit;
  if (units > pm4::kTmpringMostWaveSize)
    return unsupported("private memory of " + std::to_string(perThread) + " bytes a thread");
  const GpuInfo &gpu = transport_->gpu();
  const uint64_t waveBytes = units * pm4::kTmpringWaveSizeUnit;
  const uint64_t engines = std::max(gpu.shaderEngines, 1u);
  uint64_t waves = uint64_t{gpu.scratchSlotsPerCu} * gpu.computeUnits / engines; // of an engine
  waves = std::clamp<uint64_t>(std::min(waves, kMostPrivateMemory / (waveBytes * engines)), 1,
                               pm4::kTmpringMostWaves);
  ROSSO_TRY(const Memory taken,
            allocate(waves * waveBytes * engines, MemoryKind::Vram, "private memory of threads"));
  memory.address = taken.address;
  memory.tmpringSize = static_cast<uint32_t>(waves | units << pm4::kTmpringWaveSizeShift);
  transport_->label(taken.address, taken.bytes, "private memory of threads", false);
  return memory;
}

Status AmdDevice::placeCode(const CodeObject &code) {
  ROSSO_TRY(const Memory memory, allocate(code.imageBytes(), MemoryKind::VramCode, "code"));
  codeAddress_ = memory.address;
  ROSSO_CHECK(copies_->upload(codeAddress_, code.image(codeAddress_)));
  for (const KernelCode &kernel : code.kernels()) {
    std::string name = kernel.name;
    for (const Kernel &known : program_->kernels)
      if (known.symbol == kernel.name)
        name = known.name;
    transport_->label(codeAddress_ + kernel.entry, kernel.bytes, name, true);
  }
  return {};
}

Status AmdDevice::recordEntries(const std::vector<const KernelCode *> &kernels,
                                const PrivateMemory &privateMemory) {
  const Chip &chip = *transport_->gpu().chip;
  std::vector<uint64_t> arguments(layout_.argumentBytes / 8);
  uint64_t commandBytes = 0;
  for (uint32_t e = 0; e < program_->entries.size(); ++e) {
    EntryCommands &commands = entries_.emplace_back();
    for (uint32_t i = 0; i < program_->entries[e].launches.size(); ++i) {
      const Launch &launch = program_->entries[e].launches[i];
      const KernelCode &kernel = *kernels[launch.kernel];
      if (kernel.kernargBytes != 8 * (launch.buffers.size() + 1))
        return internal("kernel " + kernel.name + ": takes " + std::to_string(kernel.kernargBytes) +
                        " bytes of arguments, launch " + std::to_string(i) + " of " +
                        program_->entries[e].name + " gives " +
                        std::to_string(launch.buffers.size()) + " buffers and the variables");
      const uint64_t at = layout_.launchArguments[e][i];
      uint64_t *values = arguments.data() + at / 8;
      for (const BufferRef &ref : launch.buffers)
        *values++ = address(plan_->resolve(e, ref).offset);
      *values = vram_.address + layout_.variables;
      ROSSO_TRY(LaunchState state,
                launchState(kernel, chip, codeAddress_, program_->kernels[launch.kernel].threads,
                            vram_.address + layout_.arguments + at, privateMemory));
      commands.launches.push_back({.state = state,
                                   .grid = LaunchGrid(launch, program_->vars),
                                   .barrierBefore = launch.barrierBefore});
    }
    commands.commands =
        CommandBuffer(commands.launches, control_.address + kMarkLaunch, kRunsAhead);
    if (commands.commands.dwords() > pm4::kMostIndirectDwords)
      return internal("entry " + program_->entries[e].name + ": " +
                      std::to_string(commands.commands.dwords()) + " dwords of commands");
    commandBytes += commands.commands.bytes();
  }
  ROSSO_CHECK(copies_->upload(
      vram_.address + layout_.arguments,
      {reinterpret_cast<const uint8_t *>(arguments.data()), layout_.argumentBytes}));
  if (commandBytes == 0)
    return {};
  ROSSO_TRY(const Memory memory, allocate(commandBytes, MemoryKind::Host, "commands"));
  uint64_t at = 0;
  for (EntryCommands &entry : entries_) {
    entry.commands.place(memory.host + at, memory.address + at);
    at += entry.commands.bytes();
  }
  return {};
}

void AmdDevice::label() {
  auto mark = [&](const ArenaSlot &slot, const std::string &name) {
    if (slot.bytes)
      transport_->label(address(slot.offset), slot.bytes, name, false);
  };
  for (size_t i = 0; i < plan_->weightSlots.size(); ++i)
    mark(plan_->weightSlots[i], "weight " + program_->weights[i].name);
  for (size_t i = 0; i < plan_->stateSlots.size(); ++i)
    mark(plan_->stateSlots[i], "state " + program_->states[i].name);
  for (size_t e = 0; e < program_->entries.size(); ++e) {
    const Entry &entry = program_->entries[e];
    for (size_t i = 0; i < entry.inputs.size(); ++i)
      mark(plan_->inputSlots[e][i], "input " + entry.inputs[i].name + " of " + entry.name);
    for (size_t i = 0; i < entry.outputs.size(); ++i)
      mark(plan_->outputSlots[e][i], "output " + entry.outputs[i].name + " of " + entry.name);
  }
  mark({plan_->scratch.offset, plan_->scratch.bytes}, "scratch");
  if (layout_.argumentBytes)
    transport_->label(vram_.address + layout_.arguments, layout_.argumentBytes, "arguments", false);
  if (layout_.variableBytes)
    transport_->label(vram_.address + layout_.variables, layout_.variableBytes, "variables", false);
}

} // namespace rosso::amd

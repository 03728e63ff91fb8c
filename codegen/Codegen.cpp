// The room's table of contents: distinct kernels, their code, the launches.
#include "codegen/Codegen.h"

#include "codegen/KernelLibrary.h"
#include "codegen/Trace.h"
#include "codegen/amdgpu/AmdCompiler.h"
#include "codegen/host/HostCompiler.h"
#include "ir/quant/Formats.h"
#include "ir/quant/Tile.h"
#include "support/Interrupt.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <algorithm>
#include <atomic>
#include <thread>

namespace rosso {

using namespace mlir;

namespace {

/// Collects what the entries name into the program, and answers where a value lies.
class ProgramBuilder {
public:
  explicit ProgramBuilder(ModuleOp module) : module_(module) {
    program_.vars = varsOf(module);
    if (auto bytes = module->getAttrOfType<IntegerAttr>(kScratchBytesAttr))
      program_.scratchBytes = static_cast<uint64_t>(bytes.getInt());
  }

  /// `listing` may be null.
  Result<Program> build(KernelLibrary &library, Listing *listing) {
    listing_ = listing;
    if (listing)
      for (const auto &[name, bounds] : program_.vars)
        listing->at.try_emplace(name, bounds.max);
    for (auto function : module_.getOps<func::FuncOp>())
      ROSSO_CHECK(addEntry(function, library));
    return std::move(program_);
  }

private:
  uint32_t slotOf(std::vector<WeightSlot> &slots, WeightSlot slot) {
    return find(slots, std::move(slot));
  }
  template <typename Slot> static uint32_t find(std::vector<Slot> &slots, Slot slot) {
    for (uint32_t i = 0; i < slots.size(); ++i)
      if (slots[i].name == slot.name)
        return i;
    slots.push_back(std::move(slot));
    return static_cast<uint32_t>(slots.size() - 1);
  }

  BufferSlot bufferSlot(StringRef name, Type type) {
    auto tensor = cast<RankedTensorType>(type);
    return {.name = name.str(),
            .format = std::string(elementName(tensor.getElementType())),
            .shape = shapeOf(tensor),
            .bytes = byteSize(tensor, program_.vars)};
  }

  WeightSlot weightSlot(StringRef name, RankedTensorType type, Layout layout) {
    WeightSlot slot{.name = name.str(),
                    .format = std::string(elementName(type.getElementType())),
                    .layout = layoutName(layout).str(),
                    .shape = {},
                    .bytes = byteSize(type, program_.vars)};
    for (const Dim &extent : shapeOf(type))
      slot.shape.push_back(extent.constant());
    if (layout != Layout::Rows)
      slot.bytes =
          tileBytes(*findFormat(slot.format), slot.shape[0], slot.shape[1], tileShape(layout));
    return slot;
  }

  Status addEntry(func::FuncOp function, KernelLibrary &library) {
    Entry entry;
    entry.name = function.getName().str();
    if (listing_)
      listing_->launches.emplace_back();
    places_.clear();
    layouts_.clear();
    for (BlockArgument argument : function.getArguments()) {
      unsigned i = argument.getArgNumber();
      StringRef name = function.getArgAttrOfType<StringAttr>(i, kNameAttr).getValue();
      StringRef space = function.getArgAttrOfType<StringAttr>(i, kSpaceAttr).getValue();
      BufferRef ref;
      if (space == "weight") {
        auto attr = function.getArgAttrOfType<StringAttr>(i, kLayoutAttr);
        Layout layout = attr ? layoutNamed(attr.getValue()) : Layout::Rows;
        layouts_[argument] = layout;
        ref = {Space::Weight,
               slotOf(program_.weights, weightSlot(name, tensorOf(argument), layout)), 0};
      } else if (space == "state") {
        ref = {Space::State, find(program_.states, bufferSlot(name, argument.getType())), 0};
      } else {
        ref = {Space::Input, static_cast<uint32_t>(entry.inputs.size()), 0};
        entry.inputs.push_back(bufferSlot(name, argument.getType()));
      }
      places_[argument] = ref;
    }
    for (unsigned i = 0; i < function.getNumResults(); ++i) {
      auto name = function.getResultAttrOfType<StringAttr>(i, kNameAttr);
      BufferSlot slot = bufferSlot(name ? name.getValue() : "", function.getResultTypes()[i]);
      if (slot.name.starts_with("state:"))
        slot.bytes = 0; // an update nobody else reads: it lies in the state
      entry.outputs.push_back(std::move(slot));
    }
    for (Operation &op : function.getBody().front()) {
      if (auto kernel = dyn_cast<KernelOp>(op)) {
        ROSSO_CHECK(addLaunch(kernel, function, entry, library));
      } else if (!isa<func::ReturnOp>(op)) {
        return Error{ErrorCode::Internal, "entry '" + entry.name + "': '" +
                                              op.getName().getStringRef().str() +
                                              "' is left outside of kernels"};
      }
    }
    program_.entries.push_back(std::move(entry));
    return {};
  }

  Status addLaunch(KernelOp op, func::FuncOp function, Entry &entry, KernelLibrary &library) {
    Launch launch;
    llvm::SmallVector<Layout> layouts;
    uint64_t bytes = 0;
    for (Value input : op.getInputs()) {
      launch.buffers.push_back(places_.at(input));
      layouts.push_back(layouts_.lookup_or(input, Layout::Rows));
      bytes += byteSize(tensorOf(input), program_.vars);
    }
    if (!op.getSlots())
      return Error{ErrorCode::Internal, "kernel '" + op.getName().str() +
                                            "' has no slots: run "
                                            "rosso-plan-memory"};
    for (auto [result, attr] : llvm::zip(op.getResults(), *op.getSlots())) {
      auto slot = cast<SlotAttr>(attr);
      BufferRef ref;
      switch (slot.getSpace()) {
      case SlotSpace::Scratch:
        ref = {Space::Scratch, 0, static_cast<uint64_t>(slot.getOffset())};
        break;
      case SlotSpace::State:
        ref = places_.at(function.getArgument(static_cast<unsigned>(slot.getIndex())));
        break;
      case SlotSpace::Output:
        ref = {Space::Output, static_cast<uint32_t>(slot.getIndex()),
               static_cast<uint64_t>(slot.getOffset())};
        break;
      }
      places_[result] = ref;
      launch.buffers.push_back(ref);
      bytes += byteSize(tensorOf(result), program_.vars);
    }
    auto isEmpty = [&](Value v) { return byteSize(tensorOf(v), program_.vars) == 0; };
    if (llvm::all_of(op.getResults(), isEmpty))
      return {}; // nothing to compute
    launch.kernel = library.intern(op, std::move(layouts));
    launch.outputCount = op.getNumResults();
    launch.barrierBefore = op.getBarrier();
    if (auto nodes = op.getNodes())
      launch.nodes.assign(nodes->begin(), nodes->end());
    launch.bytesMoved = bytes;
    launch.operations = operationsOf(op);
    addRooms(op, entry);
    if (listing_)
      list(op, launch);
    entry.launches.push_back(std::move(launch));
    return {};
  }

  void list(KernelOp op, const Launch &launch) {
    LaunchListing &listing = listing_->launches.back().emplace_back();
    listing.nodes = nodesOf(op);
    auto add = [&](Value v, uint64_t least) {
      const BufferRef &ref = launch.buffers[listing.buffers.size()];
      listing.buffers.push_back({.format = std::string(elementName(tensorOf(v).getElementType())),
                                 .shape = shapeOf(v),
                                 .bytes = ref.space == Space::Weight
                                              ? program_.weights[ref.index].bytes
                                              : byteSize(tensorOf(v), program_.vars),
                                 .least = least});
    };
    for (BlockArgument input : op.getBody()->getArguments())
      add(op.getInputs()[input.getArgNumber()], leastRead(input));
    for (auto [result, value] :
         llvm::zip(op.getResults(), op.getBody()->getTerminator()->getOperands())) {
      auto update = value.getDefiningOp<UpdateOp>();
      add(result, bytesNow(tensorOf(update ? update.getValue() : value)));
    }
  }

  /// Of a tensor, with the variables of the listing.
  uint64_t bytesNow(RankedTensorType type) const {
    VarTable now;
    for (const auto &[name, value] : listing_->at)
      now[name] = {value, value};
    return byteSize(type, now);
  }

  /// What a kernel has to read of an operand: of tables the rows that are looked up, of the KV
  /// cache what is filled, of slices the slice.
  uint64_t leastRead(BlockArgument input) const {
    const uint64_t all = bytesNow(tensorOf(input));
    uint64_t least = 0;
    for (Operation *user : input.getUsers()) {
      if (auto gather = dyn_cast<GatherOp>(user); gather && gather.getTable() == input) {
        const auto bytes = static_cast<double>(bytesNow(tensorOf(gather.getResult())));
        const auto wide = static_cast<double>(
            bytesNow(withElement(tensorOf(input), tensorOf(gather.getResult()).getElementType())));
        least += wide > 0 ? static_cast<uint64_t>(static_cast<double>(all) * bytes / wide) : 0;
      } else if (auto update = dyn_cast<UpdateOp>(user); update && update.getState() == input) {
        continue; // stays where it is
      } else if (auto shrink = dyn_cast<ShrinkOp>(user)) {
        least += bytesNow(tensorOf(shrink.getResult()));
      } else if (auto attention = dyn_cast<AttentionOp>(user);
                 attention && attention.getQuery() != input) {
        const int64_t room = shapeOf(input)[1].eval(listing_->at);
        const int64_t filled = dimOf(attention.getLength()).eval(listing_->at);
        const auto heads = static_cast<uint64_t>(shapeOf(input)[0].eval(listing_->at));
        const auto read = static_cast<uint64_t>(attention.kvHeadCount());
        least += room > 0 ? all / heads * read / static_cast<uint64_t>(room) *
                                static_cast<uint64_t>(filled)
                          : 0;
      } else {
        return all;
      }
    }
    return std::min(least, all);
  }

  /// Slices whose place the variables give, and which not all of their values keep inside.
  void addRooms(KernelOp op, Entry &entry) {
    auto add = [&](const Shape &begin, const Shape &size, const Shape &extent) {
      for (size_t i = 0; i < extent.size(); ++i) {
        Dim room = extent[i] - size[i] - begin[i];
        if (room.min(program_.vars) < 0 && !llvm::is_contained(entry.rooms, room))
          entry.rooms.push_back(room);
      }
    };
    for (Operation &inner : *op.getBody()) {
      if (auto update = dyn_cast<UpdateOp>(inner))
        add(extentsOf(update.getBegin()), shapeOf(update.getValue()), shapeOf(update.getState()));
      else if (auto shrink = dyn_cast<ShrinkOp>(inner))
        add(extentsOf(shrink.getBegin()), shapeOf(shrink.getResult()), shapeOf(shrink.getSource()));
      else if (auto attention = dyn_cast<AttentionOp>(inner)) {
        add({Dim(0)}, {dimOf(attention.getLength())}, {shapeOf(attention.getKey())[1]});
        if (attention.getFirstHead())
          add({dimOf(*attention.getFirstHead())}, {Dim(attention.kvHeadCount())},
              {shapeOf(attention.getKey())[0]});
      }
    }
  }

  /// Multiply-adds of contractions count two, any other element one.
  uint64_t operationsOf(KernelOp op) {
    uint64_t sum = 0;
    auto elements = [&](Value v) {
      uint64_t count = 1;
      for (const Dim &extent : shapeOf(v))
        count *= static_cast<uint64_t>(extent.max(program_.vars));
      return count;
    };
    for (Operation &inner : op.getBody()->without_terminator()) {
      uint64_t count = elements(inner.getResult(0));
      if (isa<LinearOp, MatmulOp>(inner))
        count *= 2 * static_cast<uint64_t>(shapeOf(inner.getOperand(0)).back().max(program_.vars));
      else if (auto attention = dyn_cast<AttentionOp>(inner))
        count *= 4 * static_cast<uint64_t>(dimOf(attention.getLength()).max(program_.vars));
      else if (inner.hasTrait<Reduction>())
        count = elements(inner.getOperand(0));
      else if (inner.hasTrait<Movement>())
        count = 0;
      sum += count;
    }
    return sum;
  }

  ModuleOp module_;
  Program program_;
  Listing *listing_ = nullptr;
  llvm::DenseMap<Value, BufferRef> places_;
  llvm::DenseMap<Value, Layout> layouts_;
};

constexpr size_t kMaxThreads = 8;

size_t threadsAtMost() {
  return std::min<size_t>(kMaxThreads, std::max(1u, std::thread::hardware_concurrency()));
}

/// A share of the kernels.
struct KernelModule {
  OwningOpRef<ModuleOp> code;
  size_t operations = 0;
};

void dumpKernels(ModuleOp module, const CodeDump &dump) {
  for (auto function : module.getOps<func::FuncOp>()) {
    StringRef name = function.getName();
    if (!name.consume_back(".body") && !function.isPublic())
      continue;
    if (name == function.getName() && module.lookupSymbol((name + ".body").str()))
      continue; // the entry of a host kernel
    std::string text;
    llvm::raw_string_ostream(text) << function;
    dump("kernel", name, text);
  }
}

/// Fills what is known of a kernel before it is lowered, and marks its lines.
void listCode(ModuleOp module, const LibraryKernel &kernel, const VarTable &vars,
              const VarValues &at, KernelListing &listing) {
  listing.name = kernel.description.name;
  listing.nodes = nodesOf(kernel.op);
  listing.region = traced(kernel.op);
  // What the operands are outside is of no interest.
  constexpr std::string_view kOutside = " = <<UNKNOWN SSA VALUE>>";
  for (size_t found; (found = listing.region.text.find(kOutside)) != std::string::npos;)
    listing.region.text.erase(found, kOutside.size());
  listing.code = traced(module);
  locateByLine(module);
  Launch launch;
  launch.grid = kernel.grid;
  listing.runs =
      runsOfLines(module, listing.code.nodes.size(), vars, at,
                  {.items = itemCount(launch, at), .threads = kernel.description.threads});
}

/// MLIR one share after the other, LLVM all at once, then one link. With listings, one for each
/// module.
Result<std::vector<uint8_t>> compileModules(std::vector<KernelModule> &modules,
                                            const CodeTarget &target, bool mayImport,
                                            const CodeDump &dump,
                                            std::vector<KernelListing> *listings) {
  std::vector<KernelCode> shares;
  for (KernelModule &part : modules) {
    ROSSO_CHECK(checkInterrupt());
    ROSSO_TRY(KernelCode share, KernelCode::lower(*part.code, listings ? KernelCode::Lines::Keep
                                                                       : KernelCode::Lines::Drop));
    shares.push_back(std::move(share));
  }
  std::vector<Result<std::vector<uint8_t>>> results(shares.size(), std::vector<uint8_t>());
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i; (i = next++) < shares.size();)
      results[i] = shares[i].compile(target, dump, listings ? &(*listings)[i] : nullptr);
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min(shares.size(), threadsAtMost()) && !dump; ++i)
    threads.emplace_back(work); // a dump is in a fixed order
  work();
  for (std::thread &thread : threads)
    thread.join();
  std::vector<std::vector<uint8_t>> objects;
  for (Result<std::vector<uint8_t>> &result : results) {
    ROSSO_TRY(std::vector<uint8_t> object, std::move(result));
    objects.push_back(std::move(object));
  }
  return linkShared(objects, mayImport);
}

/// One state for the workspace of all kernels that want one, in their launches before the results.
/// No two of these may run at the same time.
void addWorkspace(Program &program, const std::vector<LibraryKernel> &kernels, Listing *listing) {
  int64_t bytes = 0;
  for (const LibraryKernel &kernel : kernels)
    bytes = std::max(bytes, kernel.workspaceBytes);
  if (!bytes)
    return;
  const BufferSlot slot{.name = "(workspace)",
                        .format = "i32",
                        .shape = {Dim(bytes / 4)},
                        .bytes = static_cast<uint64_t>(bytes)};
  const BufferRef ref{Space::State, static_cast<uint32_t>(program.states.size()), 0};
  program.states.push_back(slot);
  for (size_t i = 0; i < program.entries.size(); ++i) {
    bool inUse = false; // by a launch that nothing has waited for
    for (size_t j = 0; j < program.entries[i].launches.size(); ++j) {
      Launch &launch = program.entries[i].launches[j];
      const bool wants = kernels[launch.kernel].workspaceBytes != 0;
      launch.barrierBefore |= wants && inUse;
      inUse = wants || (inUse && !launch.barrierBefore);
      if (!wants)
        continue;
      const size_t at = launch.buffers.size() - launch.outputCount;
      launch.buffers.insert(launch.buffers.begin() + static_cast<long>(at), ref);
      if (listing) {
        auto &buffers = listing->launches[i][j].buffers;
        buffers.insert(buffers.begin() + static_cast<long>(at),
                       {.format = slot.format, .shape = slot.shape, .bytes = slot.bytes});
      }
    }
  }
}

/// Of the kernels of a GPU program: what they take, from the code object itself.
Status describeResources(Program &program, std::vector<KernelListing> *listings) {
  for (Kernel &kernel : program.kernels) {
    ROSSO_TRY(KernelResources resources, resourcesOf(program.code, kernel.symbol));
    kernel.ldsBytes = resources.ldsBytes;
    kernel.stats += ", vgprs " + std::to_string(resources.vgprs);
    if (resources.ldsBytes)
      kernel.stats += ", lds " + std::to_string(resources.ldsBytes);
    if (resources.scratchBytes)
      kernel.stats += ", scratch " + std::to_string(resources.scratchBytes);
    if (!listings)
      continue;
    KernelListing &listing = (*listings)[static_cast<size_t>(&kernel - program.kernels.data())];
    listing.vgprs = resources.vgprs;
    listing.sgprs = resources.sgprs;
    listing.vgprSpills = resources.vgprSpills;
    listing.sgprSpills = resources.sgprSpills;
    listing.ldsBytes = resources.ldsBytes;
    listing.scratchBytes = resources.scratchBytes;
  }
  return {};
}

} // namespace

Result<Program> generate(ModuleOp module, const CodegenOptions &options) {
  constexpr std::string_view kAmd = "amdgpu:";
  const bool isGpu = options.target.starts_with(kAmd);
  if (!isGpu && options.target != "host" && !options.target.starts_with("host:"))
    return unsupported("target '" + options.target +
                       "': expected 'host', 'host:<cpu>' or 'amdgpu:<chip>'");
  HostTarget host = HostTarget::detect();
  AmdTarget amd;
  if (isGpu) {
    ROSSO_TRY(amd, AmdTarget::named(options.target.substr(kAmd.size())));
  } else if (options.target != "host") {
    ROSSO_TRY(host, HostTarget::named(options.target.substr(5)));
  }
  MLIRContext *context = module.getContext();
  context->loadDialect<func::FuncDialect, arith::ArithDialect, scf::SCFDialect, math::MathDialect,
                       vector::VectorDialect, LLVM::LLVMDialect>();
  KernelLibrary library;
  ProgramBuilder builder(module);
  ROSSO_TRY(Program program, builder.build(library, options.listing));

  // One module for each thread that will compile, filled as evenly as the kernels allow; for a
  // listing one for each kernel.
  const size_t count = library.kernels().size();
  std::vector<KernelModule> modules(
      options.listing ? count : std::max<size_t>(1, std::min(count, threadsAtMost())));
  for (KernelModule &part : modules)
    part.code = ModuleOp::create(module.getLoc());
  for (LibraryKernel &kernel : library.kernels()) {
    KernelModule &part = *std::min_element( // an empty one, as long as there is any
        modules.begin(), modules.end(),
        [](const KernelModule &a, const KernelModule &b) { return a.operations < b.operations; });
    isGpu ? emitGpuKernel(kernel, amd, program.vars, *part.code)
          : emitHostKernel(kernel, host, program.vars, *part.code);
    if (!kernel.problem.empty())
      return unsupported("kernel " + kernel.description.name + " on " + options.target + ": " +
                         kernel.problem);
    part.operations = 0;
    part.code->walk([&](Operation *) { ++part.operations; });
  }
  if (options.dump)
    for (KernelModule &part : modules)
      dumpKernels(*part.code, options.dump);
  std::vector<KernelListing> *listings = nullptr;
  if (options.listing) {
    listings = &options.listing->kernels;
    listings->resize(count);
    for (size_t i = 0; i < count; ++i)
      listCode(*modules[i].code, library.kernels()[i], program.vars, options.listing->at,
               (*listings)[i]);
  }
  for (LibraryKernel &kernel : library.kernels())
    program.kernels.push_back(kernel.description);
  if (isGpu) {
    ROSSO_TRY(program.code, compileModules(modules, AmdCompiler(amd), /*mayImport=*/false,
                                           options.dump, listings));
    ROSSO_CHECK(describeResources(program, listings));
    program.target = options.target;
  } else {
    ROSSO_TRY(program.code, compileModules(modules, HostCompiler(host), /*mayImport=*/true,
                                           options.dump, listings));
    program.target = "host:" + host.cpu;
  }
  for (Entry &entry : program.entries)
    for (Launch &launch : entry.launches)
      launch.grid = library.kernels()[launch.kernel].grid;
  addWorkspace(program, library.kernels(), options.listing);
  return program;
}

} // namespace rosso

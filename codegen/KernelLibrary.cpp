#include "codegen/KernelLibrary.h"

#include "codegen/templates/Templates.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "llvm/Support/raw_ostream.h"

namespace rosso {

using namespace mlir;

namespace {

std::string keyOf(KernelOp op, ArrayRef<Layout> layouts) {
  OwningOpRef<KernelOp> copy(op.clone());
  copy->getBody()->walk([](Operation *inner) { inner->removeDiscardableAttr(kNodeAttr); });
  std::string key = stringifyKernelTemplate(op.getTemplate()).str();
  llvm::raw_string_ostream out(key);
  out << ' ' << op.getRowsAttr();
  for (Layout layout : layouts)
    out << ' ' << layoutName(layout);
  out << '\n';
  for (Value argument : copy->getBody()->getArguments())
    out << argument.getType() << '\n';
  OpPrintingFlags flags;
  flags.useLocalScope().assumeVerified().printGenericOpForm();
  // Values are numbered by their order in the region.
  AsmState state(*copy, flags);
  for (Operation &inner : *copy->getBody()) {
    inner.print(out, state);
    out << '\n';
  }
  return key;
}

std::string symbolOf(StringRef name) {
  std::string symbol = name.str();
  for (char &c : symbol)
    if (!llvm::isAlnum(c) && c != '_')
      c = '_';
  return symbol;
}

void emitBody(Emit &e, KernelContext &kernel) {
  switch (kernel.op.getTemplate()) {
  case KernelTemplate::Map:
    return emitMap(e, kernel);
  case KernelTemplate::Reduce:
    return emitReduce(e, kernel);
  case KernelTemplate::Matvec:
  case KernelTemplate::Matmul:
    return emitContraction(e, kernel);
  case KernelTemplate::Attention:
    return emitAttention(e, kernel);
  case KernelTemplate::TopK:
    return emitTopK(e, kernel);
  case KernelTemplate::Scan:
    return emitScan(e, kernel);
  case KernelTemplate::Scatter:
    return emitScatter(e, kernel);
  }
}

void emitLaneBody(Emit &e, KernelContext &kernel) {
  switch (kernel.op.getTemplate()) {
  case KernelTemplate::Map:
    return emitLaneMap(e, kernel);
  case KernelTemplate::Reduce:
    return emitLaneReduce(e, kernel);
  case KernelTemplate::Matvec:
  case KernelTemplate::Matmul:
    return emitLaneContraction(e, kernel);
  case KernelTemplate::Attention:
    return emitLaneAttention(e, kernel);
  case KernelTemplate::TopK:
    return emitLaneTopK(e, kernel);
  case KernelTemplate::Scan:
    return emitLaneScan(e, kernel);
  case KernelTemplate::Scatter:
    return emitLaneScatter(e, kernel);
  }
}

void describe(LibraryKernel &kernel, const KernelContext &context) {
  kernel.grid = context.grid;
  kernel.problem = context.problem;
  kernel.description.threads = static_cast<uint32_t>(context.threads);
  kernel.description.scratchBytesPerThread = static_cast<uint64_t>(context.scratchBytes);
  kernel.description.stats = stringifyKernelTemplate(kernel.op.getTemplate()).str() +
                             (context.schedule.empty() ? "" : ": " + context.schedule);
}

/// Whether 32-bit indices and offsets reach all of the kernel's tensors.
bool fitsSmallIndices(KernelOp op, const VarTable &vars) {
  auto fits = [&](Value v) {
    uint64_t elements = 1;
    for (const Dim &extent : shapeOf(v))
      elements *= static_cast<uint64_t>(extent.max(vars));
    return elements < uint64_t{1} << 31 && byteSize(tensorOf(v), vars) < uint64_t{1} << 32;
  };
  return llvm::all_of(op.getInputs(), fits) && llvm::all_of(op.getResults(), fits);
}

/// What the code of a template is made of, unless it says otherwise: for listings.
Location locOf(KernelOp op) {
  llvm::SmallVector<Location> locs;
  for (Operation &inner : *op.getBody())
    if (isa<LinearOp, MatmulOp, AttentionOp>(inner) || inner.hasTrait<Reduction>())
      locs.push_back(inner.getLoc());
  return locs.empty() ? op.getLoc() : FusedLoc::get(op.getContext(), locs);
}

} // namespace

uint32_t KernelLibrary::intern(KernelOp op, llvm::SmallVector<Layout> layouts) {
  auto [it, isNew] = byKey_.try_emplace(keyOf(op, layouts), static_cast<uint32_t>(kernels_.size()));
  if (isNew) {
    std::string name = op.getName().str();
    if (unsigned count = names_[name]++)
      name += "_" + std::to_string(count + 1);
    kernels_.push_back({.op = op,
                        .layouts = std::move(layouts),
                        .symbol = symbolOf(name),
                        .description = {.name = name, .symbol = symbolOf(name), .stats = {}},
                        .grid = {},
                        .workspaceBytes = 0,
                        .problem = {}});
  }
  return it->second;
}

void emitHostKernel(LibraryKernel &kernel, const Target &target, const VarTable &vars,
                    ModuleOp module) {
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  Location loc = locOf(kernel.op);
  Type pointer = LLVM::LLVMPointerType::get(b.getContext()), i64 = b.getI64Type();
  size_t pointers = kernel.op.getInputs().size() + kernel.op.getNumResults();

  llvm::SmallVector<Type> bodyTypes(pointers + 1, pointer); // the last one to the workspace
  bodyTypes.append(vars.size() + 2, i64);
  auto body =
      func::FuncOp::create(b, loc, kernel.symbol + ".body", b.getFunctionType(bodyTypes, {}));
  body.setPrivate();
  for (unsigned i = 0; i < pointers + 1; ++i)
    body.setArgAttr(i, "llvm.noalias", b.getUnitAttr());
  {
    OpBuilder::InsertionGuard guard(b);
    mlir::Block *block = body.addEntryBlock();
    b.setInsertionPointToStart(block);
    auto terminator = func::ReturnOp::create(b, loc);
    b.setInsertionPoint(terminator);
    Emit e(b, loc);
    KernelContext context(kernel.op, target, vars, kernel.layouts);
    unsigned next = 0;
    for (; next < pointers; ++next)
      context.pointers.push_back(block->getArgument(next));
    context.workspace = block->getArgument(next++);
    for (const auto &[name, bounds] : vars)
      context.values[name] = block->getArgument(next++);
    context.begin = block->getArgument(next++);
    context.end = block->getArgument(next);
    emitBody(e, context);
    describe(kernel, context);
  }

  auto entry = func::FuncOp::create(b, loc, kernel.symbol,
                                    b.getFunctionType({pointer, pointer, i64, i64}, {}));
  mlir::Block *block = entry.addEntryBlock();
  b.setInsertionPointToStart(block);
  Emit e(b, loc);
  Values arguments;
  for (size_t i = 0; i < pointers; ++i)
    arguments.push_back(
        e.load(pointer, e.at(block->getArgument(0), static_cast<int64_t>(8 * i)), 8));
  auto workspace = static_cast<int64_t>(8 * pointers);
  arguments.push_back(kernel.description.scratchBytesPerThread
                          ? e.load(pointer, e.at(block->getArgument(0), workspace), 8)
                          : Value(LLVM::ZeroOp::create(b, loc, pointer)));
  for (size_t i = 0; i < vars.size(); ++i)
    arguments.push_back(e.load(i64, e.at(block->getArgument(1), static_cast<int64_t>(8 * i)), 8));
  arguments.push_back(block->getArgument(2));
  arguments.push_back(block->getArgument(3));
  func::CallOp::create(b, loc, body, arguments);
  func::ReturnOp::create(b, loc);
}

void emitGpuKernel(LibraryKernel &kernel, const Target &target, const VarTable &vars,
                   ModuleOp module) {
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  Location loc = locOf(kernel.op);
  Emit e(b, loc, {.indexBits = 32, .gpu = true});
  KernelContext context(kernel.op, target, vars, kernel.layouts);
  kernel.workspaceBytes = laneWorkspaceBytes(context);
  // Inputs, the workspace if there is one, results.
  size_t pointers =
      kernel.op.getInputs().size() + kernel.op.getNumResults() + (kernel.workspaceBytes ? 1 : 0);
  llvm::SmallVector<Type> types(pointers, e.pointer(/*global memory*/ 1));
  types.push_back(e.pointer(/*constant memory*/ 4));
  auto function = func::FuncOp::create(b, loc, kernel.symbol, b.getFunctionType(types, {}));
  for (unsigned i = 0; i < types.size(); ++i)
    function.setArgAttr(i, "llvm.noalias", b.getUnitAttr());
  mlir::Block *block = function.addEntryBlock();
  b.setInsertionPointToStart(block);
  b.setInsertionPoint(func::ReturnOp::create(b, loc));
  if (!fitsSmallIndices(kernel.op, vars))
    context.problem = "a tensor of 4 GiB or more";
  for (unsigned i = 0; i < pointers; ++i)
    if (kernel.workspaceBytes && i == kernel.op.getInputs().size())
      context.workspace = block->getArgument(i);
    else
      context.pointers.push_back(block->getArgument(i));
  Value variables = block->getArgument(static_cast<unsigned>(pointers));
  int64_t offset = 0;
  for (const auto &[name, bounds] : vars) {
    // The low half of an int64; no variable exceeds it.
    context.values[name] = e.load(e.i32(), e.at(variables, offset), 8);
    offset += 8;
  }
  emitLaneBody(e, context);
  describe(kernel, context);
  llvm::SmallVector<Attribute> attributes;
  auto add = [&](StringRef key, const std::string &value) {
    attributes.push_back(b.getStrArrayAttr({key, value}));
  };
  std::string threads = std::to_string(context.threads);
  add("amdgpu-flat-work-group-size", threads + "," + threads);
  if (context.mostVgprs)
    add("amdgpu-waves-per-eu",
        std::to_string(target.wavesPerSimd(static_cast<uint32_t>(context.mostVgprs))));
  function->setAttr("passthrough", b.getArrayAttr(attributes));
}

} // namespace rosso

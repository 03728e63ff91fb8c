// The distinct kernels of a module. Kernels of the same structure (a layer's in every layer) are
// one: the key is the text of the region with everything that does not touch the code taken out.
#pragma once

#include "codegen/Kernel.h"

#include "mlir/IR/BuiltinOps.h"

#include <map>
#include <string>
#include <vector>

namespace rosso {

struct LibraryKernel {
  KernelOp op; // the first of its structure
  llvm::SmallVector<Layout> layouts;
  std::string symbol;
  Kernel description;
  std::vector<GridDim> grid;
  int64_t workspaceBytes = 0;
  std::string problem; // why it cannot be written for the target; else empty
};

class KernelLibrary {
public:
  /// The number of the kernel `op` is, with operands in these layouts; added if it is the first.
  uint32_t intern(KernelOp op, llvm::SmallVector<Layout> layouts);

  std::vector<LibraryKernel> &kernels() { return kernels_; }

private:
  std::vector<LibraryKernel> kernels_;
  std::map<std::string, uint32_t> byKey_;
  std::map<std::string, unsigned> names_; // how many kernels had this name
};

/// Writes a kernel as two functions into `module`: the body, whose pointers do not alias, and the
/// entry with the host's calling convention. Fills the kernel's grid and schedule.
void emitHostKernel(LibraryKernel &kernel, const Target &target, const VarTable &vars,
                    mlir::ModuleOp module);

/// Writes a kernel as one function of the addresses of its buffers and of the variables, see
/// Program.h. Fills the kernel's grid, threads and schedule.
void emitGpuKernel(LibraryKernel &kernel, const Target &target, const VarTable &vars,
                   mlir::ModuleOp module);

} // namespace rosso

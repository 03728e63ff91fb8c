// What the compiler tells about a program besides the program: every stage as text, and where each
// line came from. For dumps; nothing here is needed to run.
//
// The lines of a kernel's `code` (MLIR as its template wrote it) are where all stages meet: LLVM IR
// and machine code know their line of it by debug locations, and it knows its graph nodes.
#pragma once

#include "support/Dim.h"

#include <cstdint>
#include <string>
#include <vector>

namespace rosso {

/// Text in MLIR's syntax, and for each of its lines the numbers of the graph nodes it is made of.
struct TracedText {
  std::string text;
  std::vector<std::vector<int64_t>> nodes;
};

/// The IR after a pass, of one entry or of all of them.
struct StageListing {
  std::string stage, entry; // "rosso-fuse", "decode"; the entry is empty for the whole module
  TracedText ir;
};

struct InstructionListing {
  uint64_t offset = 0;        // from the kernel's first instruction
  std::vector<uint8_t> bytes; //
  std::string text;           // as LLVM's disassembler prints it
  uint32_t line = 0;          // of the kernel's `code`, from 1; 0: unknown
  int64_t target = -1;        // of a branch: an offset like `offset`; -1: none, or unknown
};

struct KernelListing {
  std::string name;           // as in Program::kernels
  std::vector<int64_t> nodes; // of the graph, of the first launch
  TracedText region;          // the kernel as the passes left it
  TracedText code;            // MLIR as the template wrote it
  /// How often a wave (on a host: a work item) runs each line of `code`, from the bounds of its
  /// loops and its conditions: the mean over some waves of the launch. Loops nobody can foresee
  /// count as run once, conditions as true.
  std::vector<double> runs;
  std::string llvm;                // after optimising
  std::vector<uint32_t> llvmLines; // for each of its lines, the line of `code`; 0: unknown
  std::vector<InstructionListing> instructions;
  std::vector<uint8_t> object; // a linked code object with this kernel alone
  // On a GPU: registers of a wave, and how many LLVM had to spill; LDS of a work group, private
  // memory of a lane.
  uint32_t vgprs = 0, sgprs = 0, vgprSpills = 0, sgprSpills = 0;
  uint32_t ldsBytes = 0, scratchBytes = 0;
};

/// A buffer that a launch uses.
struct OperandListing {
  std::string format;
  Shape shape;
  uint64_t bytes = 0; // at the largest extents, in its layout
  uint64_t least = 0; // that the launch must read or write of it, with the variables of Listing::at
};

struct LaunchListing {
  std::vector<int64_t> nodes;
  std::vector<OperandListing> buffers; // as Launch::buffers
};

struct Listing {
  /// The variables that estimates are for. Set by whoever asks; the compiler adds the others at
  /// their largest.
  VarValues at;
  std::vector<StageListing> stages;
  std::vector<KernelListing> kernels;               // as Program::kernels
  std::vector<std::vector<LaunchListing>> launches; // [entry][launch]
};

} // namespace rosso

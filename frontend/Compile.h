// From a graph to a program, through the disk cache.
//
// The key of a program is the SHA-256 of everything it depends on: the printed graph, the target
// with the features of this CPU, the options, and the build of the compiler library. A hit reads
// one file and loads no LLVM. A miss loads the compiler library, and stores what it makes.
#pragma once

#include "frontend/Graph.h"
#include "runtime/program/Listing.h"
#include "runtime/program/Program.h"
#include "support/Interrupt.h"

#include <functional>
#include <string>
#include <string_view>

namespace rosso {

/// Receives every stage as text: stage "graph", a pass's name, "llvm", "asm"; name of the entry
/// or kernel it shows, or empty.
using DumpSink =
    std::function<void(std::string_view stage, std::string_view name, std::string_view text)>;

struct CompileOptions {
  std::string target = "host"; // "host" is this CPU; else "host:<llvm cpu>", "amdgpu:gfx1100"
  bool exact = false;          // activations stay f32 instead of int8 blocks
  bool lentWeights = false;    // weights of numbers are read where the caller has them: in rows
  bool noCache = false;        // neither read nor write the disk cache
  DumpSink dump = {};          // if set, the cache is not read: every stage must run to be seen
  InterruptCheck interrupt = interruptCheck(); // asked between kernels
  Listing *listing = nullptr;                  // if set, receives all stages; the cache is not used
};

struct CompileStats {
  bool cached = false; // came from the disk
  double seconds = 0;  // of the whole call
  std::string key;     // 64 hex digits
};

/// Errors: BadInput or Unsupported for graphs that cannot be compiled (the message names the
/// tensor), Internal where the compiler library is missing or broken. A cache that cannot be read
/// or written is no error.
Result<Program> compile(const Graph &graph, const CompileOptions &options = {},
                        CompileStats *stats = nullptr);

/// This CPU as the key names it: "host:AuthenticAMD-26-2-<hash of its features>".
std::string hostTargetName();

/// What the compiler library exports as `extern "C"` under the name `kCompilerEntry`.
using CompilerEntry = void(const Graph *, const CompileOptions *, Result<Program> *);
inline constexpr const char *kCompilerEntry = "rossoCompile";

} // namespace rosso

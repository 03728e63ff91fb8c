// What the compiler hands to the runtime: plain data, and nothing else passes between them.
//
// A program has one machine-code object and one or more entries (for a decoder: `prefill` and
// `decode`). An entry is a list of launches in the order they run. All entries share the weights,
// the states and one region of scratch memory whose layout the compiler planned.
#pragma once

#include "support/DType.h"
#include "support/Dim.h"
#include "support/Result.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace rosso {

/// Where a buffer lives. `index` of a BufferRef counts within its space.
enum class Space : uint8_t {
  Weight, // read-only, filled once at load; index into Program::weights
  State,  // lives as long as the session, zeroed at start; index into Program::states
  Input,  // written by the caller before each replay; index into Entry::inputs
  Output, // read by the caller after each replay; index into Entry::outputs
  Scratch // planned by plan-memory; `offset` bytes into the scratch region, index unused
};

struct BufferRef {
  Space space = Space::Scratch;
  uint32_t index = 0;
  uint64_t offset = 0; // bytes
  bool operator==(const BufferRef &) const = default;
};

/// A weight as the program wants it in memory.
struct WeightSlot {
  std::string name;   // of the tensor in the model file
  std::string format; // a QuantFormat's or a DType's name
  std::string layout; // "rows" as in the file, or "tile16", "tile32" (see ir/quant/Tile.h)
  std::vector<int64_t> shape;
  uint64_t bytes = 0; // in this layout
  bool operator==(const WeightSlot &) const = default;
};

/// A buffer of states, inputs or outputs. Row-major and dense at the extents of the moment.
struct BufferSlot {
  std::string name;
  std::string format; // a DType's or a QuantFormat's name
  Shape shape;
  uint64_t bytes = 0; // at the largest extents
  bool operator==(const BufferSlot &) const = default;
};

/// One device function.
struct Kernel {
  std::string name;                   // for people: "matvec_q4_k_4864x896"
  std::string symbol;                 // in the code object
  std::string stats;                  // one line for dumps: template, schedule
  uint64_t scratchBytesPerThread = 0; // if not 0, one more buffer follows those of the launch
  uint32_t threads = 0;               // of a work group on a GPU, along x; 0 on the host
  uint32_t ldsBytes = 0;              // of shared memory that a work group takes
  bool operator==(const Kernel &) const = default;
};

/// ceil(extent / tile): one factor of the number of work items of a launch.
struct GridDim {
  Dim extent;
  int64_t tile = 1;
  bool operator==(const GridDim &) const = default;
};

/// One run of a kernel. On the host a kernel is
/// `void symbol(void *const *buffers, const int64_t *vars, int64_t begin, int64_t end)` and
/// computes the work items [begin, end) of the product of `grid`; items are independent. On a GPU
/// an item is a work group of Kernel::threads threads; the kernel's arguments are the address of
/// each buffer, in order, and the address of the variables.
struct Launch {
  uint32_t kernel = 0;
  std::vector<BufferRef> buffers; // inputs, a state as workspace if the kernel has one, outputs
  uint32_t outputCount = 0;       // how many of `buffers`, at the end, are written
  std::vector<GridDim> grid;
  bool barrierBefore = true;  // must see everything launched before it
  std::vector<int64_t> nodes; // graph node each output is the value of, -1: none; for --verify
  uint64_t bytesMoved = 0;    // least bytes read and written, variables at their maximum
  uint64_t operations = 0;    // multiply-adds count two
  bool operator==(const Launch &) const = default;
};

struct Entry {
  std::string name;
  std::vector<BufferSlot> inputs, outputs;
  std::vector<Launch> launches;
  /// Must not be negative: what is left of an extent (of the KV cache, say) behind a slice of it
  /// whose place the variables give.
  std::vector<Dim> rooms = {};
  bool operator==(const Entry &) const = default;
};

struct Program {
  std::string target; // "host:znver5", "amdgpu:gfx1100"
  std::vector<uint8_t> code;
  std::vector<Kernel> kernels;
  VarTable vars; // kernels get their values in this order
  std::vector<WeightSlot> weights;
  std::vector<BufferSlot> states;
  std::vector<Entry> entries;
  uint64_t scratchBytes = 0; // of all entries, which never run at the same time
  bool operator==(const Program &) const = default;
};

/// A program as bytes for the disk cache, with a checksum, and back. `deserialize` trusts nothing.
std::vector<uint8_t> serialize(const Program &program);
Result<Program> deserialize(std::span<const uint8_t> bytes);

/// The space of work items of a launch.
uint64_t itemCount(const Launch &launch, const VarValues &values);

} // namespace rosso

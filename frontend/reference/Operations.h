// One function per row of Ops.def. The linker says which one is missing. Private to reference/.
#pragma once

#include "frontend/Graph.h"
#include "frontend/reference/Value.h"

#include <span>

namespace rosso::reference {

/// A matrix in storage, read row by row so that its values need never all exist.
struct StoredRows {
  const QuantFormat *format = nullptr;
  std::span<const uint8_t> bytes;  // row after row
  std::span<const float> expanded; // the values, where they have been kept
  int64_t rows = 0, columns = 0;

  void read(int64_t first, int64_t count, std::span<float> weights) const;
};

/// What an operation is given.
struct Call {
  const Node &node;
  const VarValues &vars;
  Precision precision;
  std::vector<int64_t> shape = {};         // of the result
  std::vector<const Value *> sources = {}; // null where `stored` takes its place
  const StoredRows *stored = nullptr;      // the weight of a linear, the table of a gather
  std::span<const uint8_t> bytes = {};     // of a weight or an input
  const Value *state = nullptr;            // of a state

  const Value &source(size_t i) const { return *sources[i]; }
  int64_t intAttr(std::string_view name) const { return node.attr<int64_t>(name); }
  const std::vector<int64_t> &listAttr(std::string_view name) const {
    return node.attr<std::vector<int64_t>>(name);
  }
  std::vector<int64_t> shapeAttr(std::string_view name) const;
  Error error(std::string message) const; // names the op and the node's shape
};

std::vector<int64_t> evaluated(const Shape &shape, const VarValues &vars);

using Operation = Result<Value> (*)(const Call &);
Operation operationOf(Op op);

#define ROSSO_OP(Enum, mnemonic) Result<Value> evaluate##Enum(const Call &call);
#include "frontend/Ops.def"
#undef ROSSO_OP

/// Distance in elements between neighbours along each axis of a row-major tensor.
std::vector<int64_t> rowMajorStrides(const std::vector<int64_t> &shape);

/// source[base + i . strides] for every index i of `shape`, in row-major order.
Value readStrided(const Value &source, std::vector<int64_t> shape, int64_t base,
                  const std::vector<int64_t> &strides);

/// Puts `part` into `whole` with its first element at `begin`.
void writeRegion(Value &whole, const Value &part, const std::vector<int64_t> &begin);

} // namespace rosso::reference

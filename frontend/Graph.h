// The lazy graph: immutable nodes that record tensor operations. Nothing here computes.
//
// `Tensor` (Tensor.h) is the handle people use. A node is an op with its result type, its sources
// and its attributes; the importer turns each into the dialect op of the same name without knowing
// any op by name, so a new op costs one entry in Ops.def, one in ir/Ops.td and one lowering.
#pragma once

#include "frontend/Storage.h"
#include "ir/quant/QuantFormat.h"
#include "support/DType.h"
#include "support/Dim.h"
#include "support/Result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace rosso {

enum class Op : uint8_t {
#define ROSSO_OP(Enum, mnemonic) Enum,
#include "frontend/Ops.def"
#undef ROSSO_OP
};

/// The dialect's name of an op, without the prefix: "add", "reduce_sum".
std::string_view mnemonic(Op op);

using Attr = std::variant<int64_t, double, std::string, std::vector<int64_t>, Shape>;

/// A device by its one name in memory: equal names have equal addresses. Null: wherever the other
/// operands are.
using DeviceName = const std::string *;
DeviceName internDevice(std::string_view name);

struct Node {
  Op op;
  DType dtype = DType::F32;
  const QuantFormat *format = nullptr; // of a quantised weight; then dtype is that of its dequant
  Shape shape;
  std::vector<NodeRef> sources;
  std::vector<std::pair<std::string, Attr>> attrs; // sorted by name
  // Of an Op::Buffer; of a view of one, what it looks at. Of constants made by `full`, and of views
  // of them: memory promised for when somebody writes there.
  std::shared_ptr<Storage> storage;
  DeviceName device = nullptr;
  bool isOpen = false;        // reads an input, a weight or a state: only a program computes it
  std::optional<Error> error; // a bad graph: carried until realised
  uint64_t id = 0;            // creation order, for deterministic printing

  ~Node(); // releases long chains without recursion
  const Attr *find(std::string_view name) const;
  template <typename T> const T &attr(std::string_view name) const {
    return std::get<T>(*find(name));
  }
};

/// What a program computes: named results over named leaves, with variables.
struct GraphEntry {
  std::string name; // "decode"
  std::vector<std::pair<std::string, NodeRef>> outputs;
};
struct Graph {
  VarTable vars;
  std::vector<GraphEntry> entries;
};

/// Nodes of an entry, sources before users, in a deterministic order.
std::vector<const Node *> topologicalOrder(const GraphEntry &entry);

/// Ops that only read their source in another order.
bool isMovement(Op op);

/// The memory a node is, or looks at in another order by movements alone; null where it is a
/// computation.
std::shared_ptr<Storage> memoryOf(const Node &node);

/// A computation has been carried out: its node becomes a buffer that holds the result, for
/// everyone who refers to it, and lets go of its sources. The one change a node ever sees.
void becomeBuffer(const Node &node, std::shared_ptr<Storage> storage);

/// The number of every node of a graph: the one `print` shows. Unlike `Node::id` it depends on the
/// graph alone, so it can be stored in a cached program.
std::unordered_map<const Node *, int64_t> numberNodes(const Graph &graph);

/// The `Op::Buffer` leaves in the order of their numbers: the n-th is the weight "buffer:<n>".
std::vector<const Node *> bufferLeaves(const Graph &graph);

/// The first error that a node carries, or that the bounds of the variables reveal: an unknown
/// variable, an extent that can be negative, a slice or an update that never fits its tensor.
Status validate(const Graph &graph);

/// What must not be negative for a run to stay inside its tensors, where the bounds alone do not
/// promise it: slices and updates at run-time positions (`1024 - P - T`), and what is padded. For a
/// validated graph.
std::vector<Dim> requiredNonNegative(const Graph &graph);

/// Canonical text of a graph: the same graph gives the same bytes; the key of the program cache.
std::string print(const Graph &graph);

} // namespace rosso

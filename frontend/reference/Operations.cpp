#include "frontend/reference/Operations.h"

#include "ir/quant/Expand.h"

#include <algorithm>

namespace rosso::reference {

namespace {

constexpr Operation kOperations[] = {
#define ROSSO_OP(Enum, mnemonic) evaluate##Enum,
#include "frontend/Ops.def"
#undef ROSSO_OP
};

} // namespace

Operation operationOf(Op op) { return kOperations[static_cast<size_t>(op)]; }

std::vector<int64_t> evaluated(const Shape &shape, const VarValues &vars) {
  std::vector<int64_t> extents;
  for (const Dim &extent : shape)
    extents.push_back(extent.eval(vars));
  return extents;
}

std::vector<int64_t> Call::shapeAttr(std::string_view name) const {
  return evaluated(node.attr<Shape>(name), vars);
}

Error Call::error(std::string message) const {
  return badInput(std::string(mnemonic(node.op)) + " " + str(node.shape) + ": " +
                  std::move(message));
}

void StoredRows::read(int64_t first, int64_t count, std::span<float> weights) const {
  size_t width = static_cast<size_t>(columns);
  if (!expanded.empty()) {
    auto from = expanded.subspan(static_cast<size_t>(first) * width);
    std::copy_n(from.begin(), static_cast<size_t>(count) * width, weights.begin());
    return;
  }
  size_t rowBytes = format->rowBytes(columns);
  for (int64_t row = 0; row < count; ++row)
    expandRow(*format, bytes.subspan(static_cast<size_t>(first + row) * rowBytes, rowBytes),
              weights.subspan(static_cast<size_t>(row) * width, width));
}

// Leaves: what the evaluator was given, or what the node says.

Result<Value> evaluateWeight(const Call &call) {
  return decode(call.node.dtype, call.shape, call.bytes);
}

Result<Value> evaluateInput(const Call &call) {
  return decode(call.node.dtype, call.shape, call.bytes);
}

Result<Value> evaluateBuffer(const Call &call) {
  return decode(call.node.dtype, call.shape, call.node.storage->bytes());
}

Result<Value> evaluateState(const Call &call) { return *call.state; }

Result<Value> evaluateConstant(const Call &call) {
  Value out = zeros(call.node.dtype, call.shape);
  const Attr &value = *call.node.find("value");
  if (out.isReal())
    out.reals[0] = rounded(std::get<double>(value), out.dtype, call.precision);
  else
    out.integers[0] = wrapped(std::get<int64_t>(value), out.dtype);
  return out;
}

Result<Value> evaluateVariable(const Call &call) {
  Value out = zeros(call.node.dtype, call.shape);
  out.integers[0] = wrapped(call.shapeAttr("value")[0], out.dtype);
  return out;
}

Result<Value> evaluateIota(const Call &call) {
  Value out = zeros(call.node.dtype, call.shape);
  for (size_t i = 0; i < out.integers.size(); ++i)
    out.integers[i] = wrapped(static_cast<int64_t>(i), out.dtype);
  return out;
}

} // namespace rosso::reference

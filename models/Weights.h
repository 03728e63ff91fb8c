// The tensors of a model file as leaves of a graph: looked up by name, checked against the shape
// that the model wants, and counted, so that no tensor of the file is silently left out.
#pragma once

#include "frontend/Tensor.h"
#include "models/io/Gguf.h"

#include <set>
#include <string>

namespace rosso {

class Weights {
public:
  explicit Weights(const GgufFile &file) : file_(file) {}

  bool has(const std::string &name) const { return file_.findTensor(name) != nullptr; }
  /// The tensor, in the format it is stored in. If the file lacks it or it has another shape, the
  /// result carries an error that says so.
  Tensor get(const std::string &name, const Shape &shape);
  /// Takes note that a tensor was used in another way than through `get`.
  void use(const std::string &name) { used_.insert(name); }
  /// An error that names a tensor of the file that nobody asked for: the file holds another model
  /// than the one we would run.
  Status allUsed() const;

private:
  const GgufFile &file_;
  std::set<std::string> used_;
};

} // namespace rosso

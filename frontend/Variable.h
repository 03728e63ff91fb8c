// A bounded integer that gets its value when a program runs: a position, a number of tokens.
#pragma once

#include "support/Dim.h"

#include <string>
#include <utility>

namespace rosso {

struct Binding;

/// An extent with a name and bounds: usable wherever a `Dim` is (`P + T`, `{T, 896}`), and as an
/// i32 scalar tensor by `Tensor::variable`.
class Variable : public Dim {
public:
  Variable(std::string name, int64_t min, int64_t max)
      : Dim(Dim::variable(name)), name_(std::move(name)), bounds_{min, max} {}

  const std::string &name() const { return name_; }
  const VarBounds &bounds() const { return bounds_; }
  Binding bind(int64_t value) const;

private:
  std::string name_;
  VarBounds bounds_;
};

/// A variable with the value it has in one run.
struct Binding {
  Variable variable;
  int64_t value;
};

inline Binding Variable::bind(int64_t value) const { return {*this, value}; }

} // namespace rosso

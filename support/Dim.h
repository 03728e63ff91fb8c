// An extent of a tensor: a constant plus integer multiples of named variables, as `2*P + T + 3`.
//
// Variables are bounded integers that get their value at run time (position, number of tokens);
// one compiled program serves all of them. Sums and multiples by constants are closed under this
// form; a product of two variables is not, and no decoder needs one.
#pragma once

#include "support/Result.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rosso {

/// The values a variable may take, both ends included.
struct VarBounds {
  int64_t min = 0;
  int64_t max = 0;
  bool operator==(const VarBounds &) const = default;
};

using VarTable = std::map<std::string, VarBounds>; // name -> bounds, in a fixed order
using VarValues = std::map<std::string, int64_t>;  // name -> value at run time

class Dim {
public:
  Dim(int64_t constant = 0) : constant_(constant) {}
  static Dim variable(std::string name) {
    Dim d;
    d.terms_[std::move(name)] = 1;
    return d;
  }

  bool isConstant() const { return terms_.empty(); }
  int64_t constant() const { return constant_; }
  const std::map<std::string, int64_t> &terms() const { return terms_; }

  Dim operator+(const Dim &other) const;
  Dim operator-(const Dim &other) const { return *this + other * -1; }
  Dim operator*(int64_t factor) const;
  /// The exact quotient, or nothing where a coefficient is not a multiple of `divisor`.
  std::optional<Dim> dividedBy(int64_t divisor) const;
  bool operator==(const Dim &) const = default;

  int64_t eval(const VarValues &values) const;
  int64_t min(const VarTable &vars) const;
  int64_t max(const VarTable &vars) const;

  /// Canonical text: variables by name, then the constant; `P + T`, `2*T + 3`, `7`.
  std::string str() const;
  static Result<Dim> parse(std::string_view text);

private:
  int64_t constant_ = 0;
  std::map<std::string, int64_t> terms_; // coefficient by variable, never zero
};

using Shape = std::vector<Dim>;

/// "[2, T, 896]"
std::string str(const Shape &shape);
/// Product of all extents, if at most one of them is not constant.
std::optional<Dim> elementCount(const Shape &shape);

} // namespace rosso

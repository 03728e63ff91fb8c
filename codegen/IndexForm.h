// Indices as sums of multiples: what movement ops make of an index, before any code is written.
//
// A form is constant + sum of factor * atom. An atom is a symbol (a loop's variable) or the
// quotient or remainder of a form by a constant, which reshapes bring in. Whether an operand can be
// read in vectors along an axis is then a question about one factor.
#pragma once

#include "codegen/Emit.h"

#include <optional>

namespace rosso {

/// A sum over the atoms of an IndexForms.
struct IndexForm {
  struct Term {
    unsigned atom;
    int64_t factor;
    bool operator==(const Term &) const = default;
  };
  llvm::SmallVector<Term, 4> terms; // by atom, no factor of 0
  int64_t constant = 0;
  bool operator==(const IndexForm &) const = default;
};

/// The atoms that some forms are made of. No form is ever negative where it is divided.
class IndexForms {
public:
  /// A new symbol, of values 0 to `extent` - 1; nothing: of no known bound.
  IndexForm symbol(std::optional<int64_t> extent);

  IndexForm add(const IndexForm &a, const IndexForm &b) const;
  IndexForm multiply(const IndexForm &a, int64_t factor) const;
  IndexForm divide(const IndexForm &a, int64_t divisor) {
    return split(a, divisor, Kind::Quotient);
  }
  IndexForm remainder(const IndexForm &a, int64_t divisor) {
    return split(a, divisor, Kind::Remainder);
  }

  /// The factor of the symbol that is this form; nothing if it is inside of a quotient or
  /// remainder.
  std::optional<int64_t> factorOf(const IndexForm &symbol, const IndexForm &in) const;
  /// The greatest divisor by which all quotients and remainders that see the symbol take it, as in
  /// symbol / 56 and symbol % 56; 0 if there are none, 1 if there is no such divisor.
  int64_t periodOf(const IndexForm &symbol, const IndexForm &in) const;

  /// Whether all values of the form are 0 to extent - 1.
  bool isWithin(const IndexForm &a, int64_t extent) const;

  /// The value, with `values` for the symbols in the order they were made.
  Value emit(Emit &e, const IndexForm &form, ValueRange values) const;

private:
  enum class Kind : char { Symbol, Quotient, Remainder };
  struct Atom {
    Kind kind;
    IndexForm of;
    int64_t number; // of the symbol, or the divisor
    std::optional<int64_t> last;
  };

  IndexForm split(const IndexForm &a, int64_t divisor, Kind kind);
  IndexForm atom(Kind kind, const IndexForm &of, int64_t number, std::optional<int64_t> last);

  std::vector<Atom> atoms_;
  int64_t symbols_ = 0;
};

} // namespace rosso

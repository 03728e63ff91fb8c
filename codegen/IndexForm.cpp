#include "codegen/IndexForm.h"

#include <algorithm>
#include <numeric>

namespace rosso {

IndexForm IndexForms::atom(Kind kind, const IndexForm &of, int64_t number,
                           std::optional<int64_t> last) {
  for (unsigned i = 0; i < atoms_.size(); ++i)
    if (atoms_[i].kind == kind && atoms_[i].number == number && atoms_[i].of == of)
      return {{{i, 1}}, 0};
  atoms_.push_back({kind, of, number, last});
  return {{{static_cast<unsigned>(atoms_.size()) - 1, 1}}, 0};
}

IndexForm IndexForms::symbol(std::optional<int64_t> extent) {
  return atom(Kind::Symbol, {}, symbols_++, extent ? std::optional(*extent - 1) : std::nullopt);
}

IndexForm IndexForms::add(const IndexForm &a, const IndexForm &b) const {
  IndexForm sum{{}, a.constant + b.constant};
  const auto *x = a.terms.begin();
  const auto *y = b.terms.begin();
  while (x != a.terms.end() || y != b.terms.end()) {
    if (y == b.terms.end() || (x != a.terms.end() && x->atom < y->atom)) {
      sum.terms.push_back(*x++);
    } else if (x == a.terms.end() || y->atom < x->atom) {
      sum.terms.push_back(*y++);
    } else {
      if (x->factor + y->factor != 0)
        sum.terms.push_back({x->atom, x->factor + y->factor});
      ++x;
      ++y;
    }
  }
  return sum;
}

IndexForm IndexForms::multiply(const IndexForm &a, int64_t factor) const {
  if (factor == 0)
    return {};
  IndexForm product{{}, a.constant * factor};
  for (const IndexForm::Term &term : a.terms)
    product.terms.push_back({term.atom, term.factor * factor});
  return product;
}

bool IndexForms::isWithin(const IndexForm &a, int64_t extent) const {
  int64_t least = a.constant, most = a.constant;
  for (const IndexForm::Term &term : a.terms) {
    if (!atoms_[term.atom].last)
      return false;
    (term.factor < 0 ? least : most) += term.factor * *atoms_[term.atom].last;
  }
  return least >= 0 && most < extent;
}

/// a = divisor * whole + rest, term by term: where the rest is below the divisor, nothing is left
/// to divide.
IndexForm IndexForms::split(const IndexForm &a, int64_t divisor, Kind kind) {
  IndexForm whole, rest;
  for (const IndexForm::Term &term : a.terms) {
    if (term.factor % divisor == 0)
      whole.terms.push_back({term.atom, term.factor / divisor});
    else
      rest.terms.push_back(term);
  }
  rest.constant = a.constant % divisor;
  if (rest.constant < 0)
    rest.constant += divisor;
  whole.constant = (a.constant - rest.constant) / divisor;
  if (isWithin(rest, divisor))
    return kind == Kind::Quotient ? whole : rest;
  if (kind == Kind::Remainder)
    return atom(kind, rest, divisor, divisor - 1);
  std::optional<int64_t> last = 0;
  for (const IndexForm::Term &term : rest.terms) {
    const std::optional<int64_t> &most = atoms_[term.atom].last;
    last =
        last && most && term.factor > 0 ? std::optional(*last + *most * term.factor) : std::nullopt;
  }
  if (last)
    last = (*last + rest.constant) / divisor;
  return add(whole, atom(kind, rest, divisor, last));
}

std::optional<int64_t> IndexForms::factorOf(const IndexForm &symbol, const IndexForm &in) const {
  int64_t factor = 0;
  for (const IndexForm::Term &term : in.terms) {
    const Atom &atom = atoms_[term.atom];
    if (term.atom == symbol.terms[0].atom)
      factor = term.factor;
    else if (atom.kind != Kind::Symbol && factorOf(symbol, atom.of) != 0)
      return std::nullopt;
  }
  return factor;
}

int64_t IndexForms::periodOf(const IndexForm &symbol, const IndexForm &in) const {
  int64_t period = 0;
  for (const IndexForm::Term &term : in.terms) {
    const Atom &atom = atoms_[term.atom];
    if (atom.kind == Kind::Symbol)
      continue;
    if (atom.of == symbol)
      period = std::gcd(period, atom.number);
    else if (int64_t inner = periodOf(symbol, atom.of))
      period = std::gcd(period, inner);
    else if (factorOf(symbol, atom.of) != 0)
      return 1;
  }
  return period;
}

Value IndexForms::emit(Emit &e, const IndexForm &form, ValueRange values) const {
  Value sum = e.constant(form.constant);
  for (const IndexForm::Term &term : form.terms) {
    const Atom &atom = atoms_[term.atom];
    Value value;
    if (atom.kind == Kind::Symbol)
      value = values[static_cast<size_t>(atom.number)];
    else if (atom.kind == Kind::Quotient)
      value = e.divide(emit(e, atom.of, values), e.constant(atom.number));
    else
      value = e.remainder(emit(e, atom.of, values), e.constant(atom.number));
    sum = e.add(sum, e.mul(value, e.constant(term.factor)));
  }
  return sum;
}

} // namespace rosso

#include "support/Dim.h"

#include <cassert>
#include <cctype>
#include <charconv>

namespace rosso {

// Texts come from files too: numbers this small cannot overflow a sum of as many terms as fit in
// a text this long.
static constexpr int64_t kMaxParsed = int64_t{1} << 48;
static constexpr size_t kMaxTextBytes = 16384;

Dim Dim::operator+(const Dim &other) const {
  Dim sum = *this;
  sum.constant_ += other.constant_;
  for (const auto &[name, coefficient] : other.terms_)
    if ((sum.terms_[name] += coefficient) == 0)
      sum.terms_.erase(name);
  return sum;
}

Dim Dim::operator*(int64_t factor) const {
  Dim product;
  if (factor == 0)
    return product;
  product.constant_ = constant_ * factor;
  for (const auto &[name, coefficient] : terms_)
    product.terms_[name] = coefficient * factor;
  return product;
}

std::optional<Dim> Dim::dividedBy(int64_t divisor) const {
  if (divisor == 0 || constant_ % divisor != 0)
    return std::nullopt;
  Dim quotient(constant_ / divisor);
  for (const auto &[name, coefficient] : terms_) {
    if (coefficient % divisor != 0)
      return std::nullopt;
    quotient.terms_[name] = coefficient / divisor;
  }
  return quotient;
}

int64_t Dim::eval(const VarValues &values) const {
  int64_t sum = constant_;
  for (const auto &[name, coefficient] : terms_) {
    auto it = values.find(name);
    assert(it != values.end() && "every variable of a program is bound before it runs");
    sum += coefficient * it->second;
  }
  return sum;
}

int64_t Dim::min(const VarTable &vars) const {
  int64_t sum = constant_;
  for (const auto &[name, coefficient] : terms_)
    sum += coefficient * (coefficient > 0 ? vars.at(name).min : vars.at(name).max);
  return sum;
}

int64_t Dim::max(const VarTable &vars) const {
  int64_t sum = constant_;
  for (const auto &[name, coefficient] : terms_)
    sum += coefficient * (coefficient > 0 ? vars.at(name).max : vars.at(name).min);
  return sum;
}

std::string Dim::str() const {
  std::string text;
  for (const auto &[name, coefficient] : terms_) {
    if (!text.empty())
      text += coefficient < 0 ? " - " : " + ";
    else if (coefficient < 0)
      text += "-";
    int64_t magnitude = coefficient < 0 ? -coefficient : coefficient;
    if (magnitude != 1)
      text += std::to_string(magnitude) + "*";
    text += name;
  }
  if (text.empty())
    return std::to_string(constant_);
  if (constant_ != 0)
    text +=
        (constant_ < 0 ? " - " : " + ") + std::to_string(constant_ < 0 ? -constant_ : constant_);
  return text;
}

Result<Dim> Dim::parse(std::string_view text) {
  Dim sum;
  size_t at = 0;
  auto skipSpace = [&] {
    while (at < text.size() && text[at] == ' ')
      ++at;
  };
  auto fail = [&] {
    return badInput("extent '" + std::string(text) + "': expected a form like '2*P + T + 3'");
  };
  if (text.size() > kMaxTextBytes)
    return badInput("extent of " + std::to_string(text.size()) + " bytes: too long");
  bool first = true;
  for (skipSpace(); at < text.size() || first; skipSpace()) {
    int64_t sign = 1;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
      sign = text[at++] == '-' ? -1 : 1;
      skipSpace();
    } else if (!first) {
      return fail();
    }
    first = false;
    int64_t number = 1;
    bool hasNumber = at < text.size() && std::isdigit(static_cast<unsigned char>(text[at]));
    if (hasNumber) {
      auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), number);
      if (error != std::errc() || number > kMaxParsed)
        return fail();
      at = static_cast<size_t>(end - text.data());
      skipSpace();
      if (at == text.size() || text[at] != '*') {
        sum = sum + Dim(sign * number);
        continue;
      }
      ++at;
      skipSpace();
    }
    size_t start = at;
    while (at < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '_'))
      ++at;
    if (start == at || std::isdigit(static_cast<unsigned char>(text[start])))
      return fail();
    sum = sum + Dim::variable(std::string(text.substr(start, at - start))) * (sign * number);
  }
  return sum;
}

std::string str(const Shape &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + shape[i].str();
  return text + "]";
}

std::optional<Dim> elementCount(const Shape &shape) {
  Dim count(1);
  for (const Dim &extent : shape) {
    if (extent.isConstant())
      count = count * extent.constant();
    else if (count.isConstant())
      count = extent * count.constant();
    else
      return std::nullopt;
  }
  return count;
}

} // namespace rosso

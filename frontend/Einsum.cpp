// Einstein's notation. Every axis of an operand has a letter; operands are multiplied pair by pair,
// as products of matrices wherever a letter is summed: letters of both that stay are the batch,
// those that go are the inner axis, the others are rows and columns.

#include "frontend/Build.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <string>

namespace rosso {

using namespace build;

namespace {

/// An operand, or the product of several; one letter an axis.
struct Term {
  std::string letters;
  Tensor tensor;
};

struct Formula {
  std::vector<std::string> operands;
  std::string result;
};

bool has(std::string_view letters, char letter) {
  return letters.find(letter) != std::string_view::npos;
}

/// The letters that stand once in `text`, in alphabetical order.
std::string singleLetters(std::string_view text) {
  std::string single;
  for (char c : text)
    if (std::isalpha(static_cast<unsigned char>(c)) && std::count(text.begin(), text.end(), c) == 1)
      single += c;
  std::sort(single.begin(), single.end());
  return single;
}

void replaceDots(std::string &text, const std::string &letters) {
  if (size_t dots = text.find("..."); dots != std::string::npos)
    text.replace(dots, 3, letters);
}

/// The letters of every operand and of the result; "..." becomes letters that the formula lacks.
Result<Formula> parse(std::string_view written, const std::vector<Tensor> &tensors) {
  std::string text(written);
  std::erase(text, ' ');
  auto refuse = [&](const std::string &why) {
    return badInput("einsum: '" + std::string(written) + "': " + why);
  };
  size_t arrow = text.find("->");
  std::string inputs = text.substr(0, arrow);
  bool hasResult = arrow != std::string::npos, hasDots = inputs.find("...") != std::string::npos;
  Formula formula;
  for (size_t begin = 0; begin <= inputs.size();) {
    size_t end = std::min(inputs.find(',', begin), inputs.size());
    formula.operands.push_back(inputs.substr(begin, end - begin));
    begin = end + 1;
  }
  if (formula.operands.size() != tensors.size())
    return refuse("number of operands doesn't match, expected " +
                  std::to_string(formula.operands.size()) + ", got " +
                  std::to_string(tensors.size()));

  std::string spare, dots;
  for (char c : std::string("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    if (!has(text, c))
      spare += c;
  std::vector<size_t> hidden(tensors.size()); // axes that "..." stands for
  size_t most = 0;
  for (size_t i = 0; i < tensors.size(); ++i)
    if (has(formula.operands[i], '.')) {
      size_t named = formula.operands[i].size() - 3, rank = tensors[i].shape().size();
      hidden[i] = rank > named ? rank - named : 0;
      most = std::max(most, hidden[i]);
    }
  if (most > spare.size())
    return refuse("more axes than letters");
  dots = spare.substr(0, most);
  for (size_t i = 0; i < tensors.size(); ++i)
    replaceDots(formula.operands[i], dots.substr(most - hidden[i]));
  if (hasResult) {
    formula.result = text.substr(arrow + 2);
    replaceDots(formula.result, dots);
  } else {
    formula.result = dots + singleLetters(inputs);
  }
  std::string known;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const std::string &letters = formula.operands[i];
    if (letters.size() != tensors[i].shape().size() ||
        !std::all_of(letters.begin(), letters.end(),
                     [](unsigned char c) { return std::isalpha(c); }))
      return refuse("operand " + std::to_string(i) + " is " + str(tensors[i].shape()) +
                    "; expected a letter for each axis" + (hasDots ? " or dots" : ""));
    known += letters;
  }
  for (char c : formula.result)
    if (!has(known, c) || std::count(formula.result.begin(), formula.result.end(), c) > 1)
      return refuse("the result names '" + std::string(1, c) +
                    "'; expected letters of operands, each once");
  return formula;
}

/// Elements whose positions on all axes of one letter are equal.
Term diagonals(Term term) {
  for (size_t first = 0; first < term.letters.size(); ++first)
    for (size_t second;
         (second = term.letters.find(term.letters[first], first + 1)) != std::string::npos;) {
      char letter = term.letters[first];
      term.tensor = term.tensor.diagonal(0, static_cast<int>(first), static_cast<int>(second));
      term.letters.erase(second, 1);
      term.letters.erase(first, 1);
      term.letters += letter; // the diagonal is the last axis
      first = 0;
    }
  return term;
}

/// The axes in another order; letters that the term lacks become axes of extent 1.
Tensor inOrder(const Term &term, const std::string &letters) {
  std::vector<int> order;
  std::string present;
  for (char c : letters)
    if (size_t at = term.letters.find(c); at != std::string::npos) {
      order.push_back(static_cast<int>(at));
      present += c;
    }
  Tensor turned = term.tensor.permute(order);
  for (size_t i = 0; i < letters.size(); ++i)
    if (!has(present, letters[i]))
      turned = turned.unsqueeze(static_cast<int>(i));
  return turned;
}

/// The sum over all letters that nothing needs.
Term keepOnly(const Term &term, std::string_view needed) {
  Axes gone(std::vector<int>{});
  std::string left;
  for (size_t i = 0; i < term.letters.size(); ++i)
    if (has(needed, term.letters[i]))
      left += term.letters[i];
    else
      gone.list.push_back(static_cast<int>(i));
  return gone.list.empty() ? term : Term{left, term.tensor.sum(gone)};
}

/// The product of two terms, summed over the letters that are not `kept`.
Term product(Term a, Term b, const std::string &kept) {
  a = keepOnly(a, kept + b.letters);
  b = keepOnly(b, kept + a.letters);
  std::string batch, inner, rows, columns;
  for (char c : a.letters)
    (!has(b.letters, c) ? rows : has(kept, c) ? batch : inner) += c;
  for (char c : b.letters)
    if (!has(a.letters, c))
      columns += c;
  std::string letters = batch + rows + columns;
  if (inner.empty())
    return {letters, inOrder(a, letters) * inOrder(b, letters)};
  Tensor left = inOrder(a, batch + rows + inner), right = inOrder(b, batch + inner + columns);
  auto split = [](const Shape &shape, size_t at, size_t end) {
    return Shape(shape.begin() + static_cast<long>(at), shape.begin() + static_cast<long>(end));
  };
  auto joined = [](Shape outer, const Shape &x, const Shape &y) {
    for (const Shape *part : {&x, &y})
      outer.push_back(elementCount(*part).value_or(-1));
    return outer;
  };
  size_t b0 = batch.size(), b1 = b0 + rows.size(), b2 = b1 + inner.size();
  Shape outer = split(left.shape(), 0, b0), m = split(left.shape(), b0, b1),
        k = split(left.shape(), b1, b2),
        n = split(right.shape(), b0 + inner.size(), b0 + inner.size() + columns.size());
  Tensor made = left.reshape(joined(outer, m, k)).matmul(right.reshape(joined(outer, k, n)));
  outer.insert(outer.end(), m.begin(), m.end());
  outer.insert(outer.end(), n.begin(), n.end());
  return {letters, made.reshape(outer)};
}

} // namespace

Tensor Tensor::einsum(std::string_view written, const std::vector<Tensor> &operands,
                      std::optional<DType> type) {
  if (auto bad = firstBad(operands))
    return *bad;
  if (operands.empty())
    return failed("einsum", "no operands; expected one or more");
  auto formula = parse(written, operands);
  if (!formula)
    return failed(formula.error());
  DType common = operands[0].dtype();
  for (const Tensor &operand : operands)
    common = leastUpperDType(common, operand.dtype());
  DType working = sumDType(type ? leastUpperDType(common, *type) : common);
  DType result = type.value_or(isFloat(common) ? common : sumDType(common));

  std::vector<Term> terms;
  std::map<char, Dim> extents;
  for (size_t i = 0; i < operands.size(); ++i) {
    const std::string &letters = formula->operands[i];
    for (size_t axis = 0; axis < letters.size(); ++axis) {
      const Dim &extent = operands[i].shape()[axis];
      if (auto known = extents.emplace(letters[axis], extent).first; !(known->second == extent))
        return failed("einsum", "'" + std::string(written) + "': '" + letters[axis] + "' is " +
                                    known->second.str() + " and " + extent.str() +
                                    "; expected one extent a letter");
    }
    terms.push_back(diagonals({letters, operands[i].cast(working)}));
  }
  Term made = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) {
    std::string kept = formula->result;
    for (size_t later = i + 1; later < terms.size(); ++later)
      kept += terms[later].letters;
    made = product(made, terms[i], kept);
    if (!made.tensor.ok())
      return made.tensor;
  }
  return inOrder(keepOnly(made, formula->result), formula->result).cast(result);
}

} // namespace rosso

// einops' rearrange: "b (h d) t -> b h t d" says how axes are taken apart, put in order and joined.
//
// Each side is a list of groups: one name, several in brackets, or "..." for all axes that have no
// name. The left side takes every group of several apart, a permutation puts names in the order of
// the right side, and that joins its groups. A 1 is a group of no names.

#include "frontend/Build.h"

#include <algorithm>
#include <cctype>

namespace rosso {

using namespace build;

namespace {

constexpr std::string_view kRest = "...";
using Names = std::vector<std::string>;
using Sizes = std::vector<std::pair<std::string, int64_t>>;

/// One axis of a tensor: the axes that it is made of.
struct Group {
  Names names = {};
  bool inBrackets = false;

  bool hasRest() const { return std::find(names.begin(), names.end(), kRest) != names.end(); }
};

Error wrong(std::string_view formula, const std::string &what) {
  return badInput("rearrange: '" + std::string(formula) + "': " + what);
}

bool isName(std::string_view token) {
  auto isLetter = [](char c) { // or a part of one beyond ASCII
    auto byte = static_cast<unsigned char>(c);
    return std::isalpha(byte) || byte >= 0x80 || c == '_';
  };
  auto isPart = [&](char c) { return isLetter(c) || std::isdigit(static_cast<unsigned char>(c)); };
  return token == kRest || (!token.empty() && isLetter(token.front()) && token.front() != '_' &&
                            token.back() != '_' && std::all_of(token.begin(), token.end(), isPart));
}

std::vector<std::string> tokensOf(std::string_view side) {
  std::vector<std::string> tokens;
  std::string token;
  auto finish = [&] {
    if (!token.empty())
      tokens.push_back(std::move(token));
    token.clear();
  };
  constexpr std::string_view kEllipsis = "\xE2\x80\xA6"; // the one character
  for (size_t i = 0; i < side.size(); ++i) {
    if (side.substr(i, kEllipsis.size()) == kEllipsis) {
      token += kRest;
      i += kEllipsis.size() - 1;
    } else if (side[i] == '(' || side[i] == ')') {
      finish();
      tokens.push_back(std::string(1, side[i]));
    } else if (std::isspace(static_cast<unsigned char>(side[i]))) {
      finish();
    } else {
      token += side[i];
    }
  }
  finish();
  return tokens;
}

Result<std::vector<Group>> parseSide(std::string_view formula, std::string_view side) {
  std::vector<Group> groups;
  bool isOpen = false;
  for (const std::string &token : tokensOf(side)) {
    if (token == "(" || token == ")") {
      if (isOpen == (token == "("))
        return wrong(formula, "brackets do not match");
      isOpen = !isOpen;
      if (isOpen)
        groups.push_back({.inBrackets = true});
    } else if (token == "1") {
      if (!isOpen)
        groups.push_back({});
    } else if (!isName(token)) {
      return wrong(formula, "'" + token + "' is not the name of an axis");
    } else if (isOpen) {
      groups.back().names.push_back(token);
    } else {
      groups.push_back({.names = {token}});
    }
  }
  if (isOpen)
    return wrong(formula, "brackets do not match");
  return groups;
}

Names namesOf(const std::vector<Group> &groups) {
  Names names;
  for (const Group &group : groups)
    names.insert(names.end(), group.names.begin(), group.names.end());
  return names;
}

/// Replaces "..." by a name for each axis that it stands for: in brackets they stay together.
void nameRest(std::vector<Group> &groups, size_t count) {
  Names rest;
  for (size_t i = 0; i < count; ++i)
    rest.push_back(std::string(kRest) + std::to_string(i));
  std::vector<Group> named;
  for (Group &group : groups) {
    if (!group.hasRest()) {
      named.push_back(std::move(group));
    } else if (group.inBrackets) {
      auto at = group.names.erase(std::find(group.names.begin(), group.names.end(), kRest));
      group.names.insert(at, rest.begin(), rest.end());
      named.push_back(std::move(group));
    } else {
      for (const std::string &name : rest)
        named.push_back({.names = {name}});
    }
  }
  groups = std::move(named);
}

struct Formula {
  std::vector<Group> left, right;
};

Result<Formula> parse(std::string_view formula, const Sizes &sizes) {
  size_t arrow = formula.find("->");
  if (arrow == std::string_view::npos || formula.find("->", arrow + 2) != std::string_view::npos)
    return wrong(formula, "expected one '->'");
  Formula parsed;
  ROSSO_TRY(parsed.left, parseSide(formula, formula.substr(0, arrow)));
  ROSSO_TRY(parsed.right, parseSide(formula, formula.substr(arrow + 2)));
  Names left = namesOf(parsed.left), right = namesOf(parsed.right);
  for (const auto &[name, size] : sizes)
    if (std::find(left.begin(), left.end(), name) == left.end())
      return wrong(formula, "axis '" + name + "' has a size but does not occur");
  std::sort(left.begin(), left.end());
  std::sort(right.begin(), right.end());
  if (left != right || std::adjacent_find(left.begin(), left.end()) != left.end())
    return wrong(formula, "expected each axis once on both sides");
  for (const Group &group : parsed.left)
    if (group.inBrackets && group.hasRest())
      return wrong(formula, "'...' in brackets on the left side");
  return parsed;
}

} // namespace

Tensor Tensor::rearrange(std::string_view formula, const Sizes &sizes) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto parsed = parse(formula, sizes);
  if (!parsed)
    return failed(parsed.error());
  auto &[left, right] = *parsed;
  Names names = namesOf(left);
  if (std::find(names.begin(), names.end(), kRest) != names.end()) {
    if (left.size() - 1 > shape().size())
      return failed(wrong(formula, "more axes than a tensor " + str(shape()) + " has"));
    size_t count = shape().size() - (left.size() - 1);
    nameRest(left, count);
    nameRest(right, count);
    names = namesOf(left);
  }
  if (left.size() != shape().size())
    return failed(wrong(formula, std::to_string(left.size()) + " axes of a tensor " + str(shape()) +
                                     "; expected one for each"));
  Tensor t = *this;
  int at = 0;
  for (const Group &group : left) {
    Shape extents;
    for (const std::string &name : group.names) {
      auto given = std::find_if(sizes.begin(), sizes.end(),
                                [&](const auto &size) { return size.first == name; });
      extents.push_back(given != sizes.end()      ? Dim(given->second)
                        : group.names.size() == 1 ? t.size(at)
                                                  : Dim(-1));
    }
    if (extents.size() == 1 && extents[0] != t.size(at))
      return failed(wrong(formula, "axis '" + group.names[0] + "' is " + t.size(at).str() +
                                       ", not " + extents[0].str()));
    t = t.unflatten(at, extents);
    if (!t.ok())
      return t;
    at += static_cast<int>(group.names.size());
  }
  std::vector<int> order;
  for (const std::string &name : namesOf(right))
    order.push_back(static_cast<int>(std::find(names.begin(), names.end(), name) - names.begin()));
  t = t.permute(order);
  at = 0;
  for (const Group &group : right) {
    int last = at + static_cast<int>(group.names.size()) - 1;
    t = last < at ? t.unsqueeze(at) : last > at ? t.flatten(at, last) : t;
    ++at;
  }
  return t;
}

} // namespace rosso

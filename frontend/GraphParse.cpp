#include "frontend/GraphParse.h"

#include "ir/quant/Formats.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>

namespace rosso {

namespace {

// What texts may ask for, so that no sum or product of extents overflows later.
constexpr int64_t kMostBound = int64_t{1} << 40;
constexpr double kMostElements = 0x1p46;
constexpr size_t kMostRank = 16;

/// What an op is made of besides its type.
struct Signature {
  Op op;
  int sources; // -1: one or more
  std::string_view attrs;
};

/// Attributes in the order of their names: `name` and, after a colon, the kind: s string, n number,
/// i integer, v list of integers, d list of forms, e one form. All others have one source per
/// operand and no attributes.
constexpr Signature kSignatures[] = {
    {Op::Weight, 0, "name:s"},
    {Op::State, 0, "name:s"},
    {Op::Input, 0, "name:s"},
    {Op::Buffer, 0, ""},
    {Op::Constant, 0, "value:n"},
    {Op::Variable, 0, "value:e"},
    {Op::Iota, 0, ""},
    {Op::Permute, 1, "axes:v"},
    {Op::Pad, 1, "after:d before:d value:n"},
    {Op::Shrink, 1, "begin:d"},
    {Op::Flip, 1, "axes:v"},
    {Op::Stride, 1, "strides:v"},
    {Op::Window, 1, "axis:i dilation:i size:i step:i"},
    {Op::Concat, -1, "axis:i"},
    {Op::Gather, 2, ""},
    {Op::ReduceSum, 1, "axes:v"},
    {Op::ReduceProd, 1, "axes:v"},
    {Op::ReduceMax, 1, "axes:v"},
    {Op::ReduceMin, 1, "axes:v"},
    {Op::ArgMax, 1, "axes:v"},
    {Op::TopK, 1, "k:i"},
    {Op::CumSum, 1, "axis:i"},
    {Op::CumProd, 1, "axis:i"},
    {Op::CumMax, 1, "axis:i"},
    {Op::CumMin, 1, "axis:i"},
    {Op::Scatter, 3, "combine:s"},
    {Op::Dequant, 1, ""},
    {Op::Linear, 2, ""},
    {Op::Matmul, 2, ""},
    {Op::Update, 2, "begin:d"},
    {Op::Where, 3, ""},
};

Signature signatureOf(Op op) {
  for (const Signature &signature : kSignatures)
    if (signature.op == op)
      return signature;
  return {op, op >= Op::Add && op <= Op::CmpNe ? 2 : 1, ""};
}

bool hasKind(const Attr &attr, char kind) {
  const Shape *shape = std::get_if<Shape>(&attr);
  switch (kind) {
  case 's':
    return std::holds_alternative<std::string>(attr);
  case 'n':
    return std::holds_alternative<int64_t>(attr) || std::holds_alternative<double>(attr);
  case 'i':
    return std::holds_alternative<int64_t>(attr);
  case 'v':
    return std::holds_alternative<std::vector<int64_t>>(attr);
  case 'e':
    return shape && shape->size() == 1;
  default:
    return shape;
  }
}

const char *kindName(char kind) {
  switch (kind) {
  case 's':
    return "a quoted string";
  case 'n':
    return "a number";
  case 'i':
    return "an integer";
  case 'v':
    return "integers, <0, 1>";
  case 'e':
    return "one extent, [P]";
  default:
    return "extents, [P, 0]";
  }
}

std::optional<Op> findOp(std::string_view name) {
  constexpr std::pair<std::string_view, Op> kOps[] = {
#define ROSSO_OP(Enum, mnemonic) {mnemonic, Op::Enum},
#include "frontend/Ops.def"
#undef ROSSO_OP
  };
  for (const auto &[known, op] : kOps)
    if (known == name)
      return op;
  return std::nullopt;
}

bool isWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

/// One line, read from the left.
class Line {
public:
  explicit Line(std::string_view text) : rest_(text) {}

  bool done() {
    skipSpace();
    return rest_.empty();
  }
  bool take(std::string_view token) {
    skipSpace();
    if (!rest_.starts_with(token) ||
        (isWord(token.back()) && rest_.size() > token.size() && isWord(rest_[token.size()])))
      return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  Status want(std::string_view token) {
    return take(token) ? Status() : Status(found("'" + std::string(token) + "'"));
  }
  Error found(const std::string &wanted) {
    skipSpace();
    const std::string what =
        rest_.empty() ? "the end" : "'" + std::string(rest_.substr(0, 24)) + "'";
    return badInput("found " + what + ", wanted " + wanted);
  }

  std::string_view word() {
    skipSpace();
    size_t end = 0;
    while (end < rest_.size() && isWord(rest_[end]))
      ++end;
    return cut(end);
  }
  /// All that is left, without blanks at its end.
  std::string_view remainder() {
    skipSpace();
    while (!rest_.empty() && (rest_.back() == ' ' || rest_.back() == '\r'))
      rest_.remove_suffix(1);
    return cut(rest_.size());
  }

  Result<int64_t> integer() {
    skipSpace();
    int64_t value = 0;
    auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc())
      return found("an integer");
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return value;
  }

  Result<int64_t> node() {
    ROSSO_CHECK(want("%"));
    return integer();
  }

  Result<std::string> string() {
    ROSSO_CHECK(want("\""));
    std::string text;
    for (size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return text;
      }
      if (rest_[i] == '\\' && i + 1 < rest_.size()) {
        ++i;
        text += rest_[i] == 'n' ? '\n' : rest_[i];
      } else {
        text += rest_[i];
      }
    }
    rest_ = {};
    return badInput("a string does not end");
  }

  Result<Shape> shape() {
    ROSSO_CHECK(want("["));
    const size_t end = rest_.find(']');
    if (end == std::string_view::npos)
      return found("extents and ']'");
    std::string_view list = cut(end);
    rest_.remove_prefix(1);
    Shape shape;
    while (!list.empty()) {
      const size_t comma = list.find(',');
      ROSSO_TRY(Dim extent, Dim::parse(list.substr(0, comma)));
      shape.push_back(std::move(extent));
      if (shape.size() > kMostRank)
        return badInput("more than " + std::to_string(kMostRank) + " extents");
      if (comma == std::string_view::npos)
        break;
      list.remove_prefix(comma + 1);
    }
    return shape;
  }

  Result<Attr> attr() {
    skipSpace();
    if (rest_.starts_with('"')) {
      ROSSO_TRY(std::string text, string());
      return Attr(std::move(text));
    }
    if (rest_.starts_with('[')) {
      ROSSO_TRY(Shape list, shape());
      return Attr(std::move(list));
    }
    if (take("<")) {
      std::vector<int64_t> values;
      while (!take(">")) {
        if (!values.empty())
          ROSSO_CHECK(want(","));
        ROSSO_TRY(values.emplace_back(), integer());
      }
      return Attr(std::move(values));
    }
    const size_t end = std::min(rest_.find_first_of(",}"), rest_.size());
    const std::string_view text = rest_.substr(0, end);
    if (text.find_first_of(".en") == std::string_view::npos) {
      ROSSO_TRY(const int64_t value, integer());
      return Attr(value);
    }
    double value = 0;
    auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc())
      return found("a number, a string, <integers> or [extents]");
    rest_.remove_prefix(static_cast<size_t>(last - text.data()));
    return Attr(value);
  }

private:
  void skipSpace() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\r'))
      rest_.remove_prefix(1);
  }
  std::string_view cut(size_t length) {
    const std::string_view text = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return text;
  }

  std::string_view rest_;
};

class Parser {
public:
  Result<Graph> run(std::string_view text) {
    for (size_t number = 1; !text.empty(); ++number) {
      const size_t end = std::min(text.find('\n'), text.size());
      if (auto status = line(Line(text.substr(0, end))); !status)
        return status.error().in("line " + std::to_string(number));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (graph_.entries.empty())
      return badInput("found no 'entry', wanted a graph as rosso-dump --emit graph prints it");
    for (const GraphEntry &entry : graph_.entries)
      if (entry.outputs.empty())
        return badInput("entry '" + entry.name + "' has no outputs");
    ROSSO_CHECK(validate(graph_));
    return std::move(graph_);
  }

private:
  Status line(Line line) {
    if (line.done() || line.take("#"))
      return {};
    if (line.take("var"))
      return variable(line);
    if (line.take("entry")) {
      const std::string name(line.remainder());
      if (name.empty())
        return badInput("an entry without a name");
      for (const GraphEntry &entry : graph_.entries)
        if (entry.name == name)
          return badInput("a second entry '" + name + "'");
      graph_.entries.push_back({name, {}});
      return {};
    }
    if (graph_.entries.empty())
      return line.found("'var' or 'entry'");
    if (line.take("output"))
      return output(line);
    return node(line);
  }

  Status variable(Line &line) {
    const std::string name(line.word());
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])))
      return line.found("the name of a variable");
    VarBounds bounds;
    ROSSO_CHECK(line.want("["));
    ROSSO_TRY(bounds.min, line.integer());
    ROSSO_CHECK(line.want(","));
    ROSSO_TRY(bounds.max, line.integer());
    ROSSO_CHECK(line.want("]"));
    if (bounds.min > bounds.max || bounds.min < -kMostBound || bounds.max > kMostBound)
      return badInput("variable '" + name + "': bounds " + std::to_string(bounds.min) + " to " +
                      std::to_string(bounds.max) + ", wanted at most 2^40 in ascending order");
    if (!graph_.vars.emplace(name, bounds).second)
      return badInput("a second variable '" + name + "'");
    return line.done() ? Status() : Status(line.found("the end of the line"));
  }

  Result<NodeRef> known(Line &line) {
    ROSSO_TRY(const int64_t number, line.node());
    auto found = nodes_.find(number);
    if (found == nodes_.end())
      return badInput("%" + std::to_string(number) + " is not made above");
    return found->second;
  }

  Status output(Line &line) {
    // Names are not quoted: all up to the last '='.
    const std::string_view text = line.remainder();
    const size_t equals = text.rfind('=');
    if (equals == std::string_view::npos)
      return badInput("found '" + std::string(text) + "', wanted 'output NAME = %N'");
    std::string_view name = text.substr(0, equals);
    while (name.ends_with(' '))
      name.remove_suffix(1);
    Line rest(text.substr(equals + 1));
    ROSSO_TRY(NodeRef node, known(rest));
    graph_.entries.back().outputs.emplace_back(std::string(name), std::move(node));
    return rest.done() ? Status() : Status(rest.found("the end of the line"));
  }

  Status node(Line &line) {
    ROSSO_TRY(const int64_t number, line.node());
    if (nodes_.contains(number))
      return badInput("a second %" + std::to_string(number));
    ROSSO_CHECK(line.want("="));
    const std::string_view name = line.word();
    const std::optional<Op> op = findOp(name);
    if (!op)
      return badInput("found op '" + std::string(name) + "', wanted one of frontend/Ops.def");
    auto node = std::make_shared<Node>();
    node->op = *op;
    node->id = nodes_.size();
    ROSSO_CHECK(sources(line, *node));
    ROSSO_CHECK(attrs(line, *node));
    ROSSO_CHECK(line.want(":"));
    ROSSO_CHECK(type(line, *node));
    if (!line.done())
      return line.found("the end of the line");
    ROSSO_CHECK(check(*node));
    nodes_.emplace(number, std::move(node));
    return {};
  }

  Status sources(Line &line, Node &node) {
    Line ahead = line;
    if (!ahead.take("%"))
      return {};
    do {
      ROSSO_TRY(node.sources.emplace_back(), known(line));
    } while (line.take(","));
    return {};
  }

  static Status attrs(Line &line, Node &node) {
    if (!line.take("{"))
      return {};
    do {
      const std::string key(line.word());
      ROSSO_CHECK(line.want("="));
      ROSSO_TRY(Attr value, line.attr());
      node.attrs.emplace_back(key, std::move(value));
    } while (line.take(","));
    std::sort(node.attrs.begin(), node.attrs.end(),
              [](const auto &a, const auto &b) { return a.first < b.first; });
    return line.want("}");
  }

  static Status type(Line &line, Node &node) {
    std::string word(line.word());
    if (line.take(":")) {
      node.format = findFormat(word);
      if (!node.format)
        return badInput("unknown format '" + word + "'");
      word = line.word();
    }
    const std::optional<DType> dtype = findDType(word);
    if (!dtype || isFloat8(*dtype))
      return badInput("found type '" + word + "', wanted one like f32");
    node.dtype = *dtype;
    ROSSO_TRY(node.shape, line.shape());
    return {};
  }

  /// The largest magnitude of an extent, or infinity where it names an unknown variable.
  double largest(const Dim &extent) const {
    double sum = static_cast<double>(std::max(extent.constant(), -extent.constant()));
    for (const auto &[name, coefficient] : extent.terms()) {
      auto var = graph_.vars.find(name);
      if (var == graph_.vars.end())
        return std::numeric_limits<double>::infinity();
      const int64_t bound = std::max({std::abs(var->second.min), std::abs(var->second.max)});
      sum += std::abs(static_cast<double>(coefficient)) * static_cast<double>(bound);
    }
    return sum;
  }

  Status check(const Node &node) const {
    const std::string what(mnemonic(node.op));
    const Signature wanted = signatureOf(node.op);
    if (wanted.sources < 0 ? node.sources.empty()
                           : node.sources.size() != static_cast<size_t>(wanted.sources))
      return badInput(what + ": found " + std::to_string(node.sources.size()) +
                      " sources, wanted " +
                      (wanted.sources < 0 ? "at least one" : std::to_string(wanted.sources)));
    ROSSO_CHECK(checkAttrs(node, wanted.attrs));
    for (const auto &[name, attr] : node.attrs)
      if (const Shape *extents = std::get_if<Shape>(&attr))
        for (const Dim &extent : *extents)
          if (largest(extent) > kMostElements)
            return Error(badInput(name + " " + str(*extents) +
                                  " is too large or names an unknown variable"))
                .in(what);
    double elements = 1;
    for (const Dim &extent : node.shape)
      elements *= std::max(1.0, largest(extent));
    if (!(elements <= kMostElements))
      return badInput(what + ": shape " + str(node.shape) +
                      " has more than 2^46 elements or names an unknown variable");
    if (node.format && node.op != Op::Weight && node.op != Op::State && node.op != Op::Update)
      return badInput(what + ": only weights, states and updates have a block format");
    return checkWindow(node, what);
  }

  static Status checkAttrs(const Node &node, std::string_view wanted) {
    const std::string what(mnemonic(node.op));
    size_t count = 0;
    for (std::string_view rest = wanted; !rest.empty(); ++count) {
      const size_t colon = rest.find(':');
      const std::string_view name = rest.substr(0, colon);
      const char kind = rest[colon + 1];
      rest.remove_prefix(std::min(colon + 3, rest.size()));
      const Attr *attr = node.find(name);
      if (!attr || !hasKind(*attr, kind))
        return badInput(what + ": wanted attribute '" + std::string(name) + "', " + kindName(kind));
    }
    if (node.attrs.size() != count)
      return badInput(what + ": found " + std::to_string(node.attrs.size()) +
                      " attributes, wanted " + std::to_string(count));
    return {};
  }

  /// Slices have a place for each axis.
  static Status checkWindow(const Node &node, const std::string &what) {
    if (node.op != Op::Shrink && node.op != Op::Update)
      return {};
    const size_t rank = node.attr<Shape>("begin").size();
    const bool ok = rank == node.shape.size() && rank == node.sources[0]->shape.size() &&
                    (node.op == Op::Shrink || rank == node.sources[1]->shape.size());
    return ok ? Status() : Status(badInput(what + ": begin, source and result differ in rank"));
  }

  Graph graph_;
  std::unordered_map<int64_t, NodeRef> nodes_;
};

} // namespace

Result<Graph> parseGraph(std::string_view text) { return Parser().run(text); }

} // namespace rosso

// The canonical text of a graph. It names nodes by their number in the graph, never by their
// address, their age or the data of realised buffers: equal graphs give equal bytes.
//
//   var P [0, 1023]
//   entry decode
//   %0 = weight {name = "output.weight"} : q4_k:f32[1280, 256]
//   %1 = linear %7, %0 : f32[1, 1280]
//   output logits = %1

#include "frontend/Graph.h"

#include <charconv>

namespace rosso {

namespace {

std::string quoted(const std::string &text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + '"';
}

/// The shortest text that reads back as the same number, and as a float rather than an integer.
std::string exact(double value) {
  char buffer[32];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, end);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

struct AttrPrinter {
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return exact(value); }
  std::string operator()(const std::string &value) const { return quoted(value); }
  std::string operator()(const std::vector<int64_t> &values) const {
    std::string text = "<";
    for (size_t i = 0; i < values.size(); ++i)
      text += (i ? ", " : "") + std::to_string(values[i]);
    return text + ">";
  }
  std::string operator()(const Shape &shape) const { return str(shape); }
};

void appendNode(std::string &text, const Node &node,
                const std::unordered_map<const Node *, int64_t> &numbers) {
  text += "%" + std::to_string(numbers.at(&node)) + " = ";
  text += mnemonic(node.op);
  for (size_t i = 0; i < node.sources.size(); ++i)
    text += (i ? ", %" : " %") + std::to_string(numbers.at(node.sources[i].get()));
  for (size_t i = 0; i < node.attrs.size(); ++i)
    text += (i ? ", " : " {") + node.attrs[i].first + " = " +
            std::visit(AttrPrinter{}, node.attrs[i].second);
  text += node.attrs.empty() ? " : " : "} : ";
  if (node.format)
    text += std::string(node.format->name) + ":";
  text += std::string(name(node.dtype)) + str(node.shape) + "\n";
}

} // namespace

std::string print(const Graph &graph) {
  std::string text;
  for (const auto &[name, bounds] : graph.vars)
    text += "var " + name + " [" + std::to_string(bounds.min) + ", " + std::to_string(bounds.max) +
            "]\n";
  auto numbers = numberNodes(graph);
  int64_t printed = 0; // nodes of earlier entries keep their numbers and are not repeated
  for (const GraphEntry &entry : graph.entries) {
    text += "entry " + entry.name + "\n";
    for (const Node *node : topologicalOrder(entry))
      if (numbers.at(node) == printed) {
        appendNode(text, *node, numbers);
        ++printed;
      }
    for (const auto &[name, output] : entry.outputs)
      text += "output " + name + " = %" + std::to_string(numbers.at(output.get())) + "\n";
  }
  return text;
}

} // namespace rosso

#include "tools/doctor/Report.h"

#include "tools/cli/ModelFlags.h"

#include <algorithm>

namespace rosso::doctor {

std::string toText(const std::vector<Section> &report) {
  std::string text;
  size_t width = 0;
  for (const Section &section : report)
    for (const Fact &fact : section.facts)
      width = std::max(width, fact.name.size());
  for (const Section &section : report) {
    text += (text.empty() ? "" : "\n") + section.title + "\n";
    for (const Fact &fact : section.facts)
      text += "  " + fact.name + std::string(width + 2 - fact.name.size(), ' ') + fact.value + "\n";
  }
  return text;
}

std::string toJson(const std::vector<Section> &report) {
  std::string text = "{";
  for (const Section &section : report) {
    text += (text.size() > 1 ? ",\n " : "") + cli::json(section.title) + ": [";
    for (const Fact &fact : section.facts)
      text += (&fact == section.facts.data() ? "{" : ", {") + cli::json(fact.name) + ": " +
              cli::json(fact.value) + "}";
    text += "]";
  }
  return text + "}\n";
}

} // namespace rosso::doctor

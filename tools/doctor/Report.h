// What the doctor found, as titled lists of named facts: printed as text or as JSON.
#pragma once

#include <string>
#include <vector>

namespace rosso::doctor {

struct Fact {
  std::string name, value;
};

struct Section {
  std::string title;
  std::vector<Fact> facts;

  void add(std::string name, std::string value) {
    facts.push_back({std::move(name), std::move(value)});
  }
};

std::string toText(const std::vector<Section> &report);
/// One object: a section is a list of objects with one member each, since names may repeat.
std::string toJson(const std::vector<Section> &report);

} // namespace rosso::doctor

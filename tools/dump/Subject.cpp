#include "tools/dump/Subject.h"

namespace rosso::dump {

std::string str(const VarValues &values) {
  std::string text;
  for (const auto &[name, value] : values)
    text += (text.empty() ? "" : ", ") + name + "=" + std::to_string(value);
  return text.empty() ? "no variables" : text;
}

std::string_view name(Space space) {
  constexpr std::string_view kNames[] = {"weight", "state", "input", "output", "scratch"};
  return kNames[static_cast<size_t>(space)];
}

std::string nameOf(const Program &program, uint32_t entry, const BufferRef &ref) {
  std::string space(name(ref.space));
  switch (ref.space) {
  case Space::Weight:
    return space + " " + program.weights[ref.index].name;
  case Space::State:
    return space + " " + program.states[ref.index].name;
  case Space::Input:
    return space + " " + program.entries[entry].inputs[ref.index].name;
  case Space::Output:
    return space + " " + program.entries[entry].outputs[ref.index].name;
  case Space::Scratch:
    return space + " +" + std::to_string(ref.offset);
  }
  return space;
}

} // namespace rosso::dump

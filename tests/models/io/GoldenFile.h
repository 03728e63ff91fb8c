// Lines of words separated by spaces, as make_tokenizer_golden.py writes them.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace rosso {

inline std::vector<std::vector<std::string>> readGolden(const std::string &name) {
  std::ifstream file(std::string(ROSSO_SOURCE_DIR "/tests/models/io/golden/") + name);
  std::vector<std::vector<std::string>> lines;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    lines.emplace_back();
    for (std::string word; words >> word;)
      lines.back().push_back(word);
  }
  return lines;
}

/// "-" is the empty text.
inline std::string fromHex(const std::string &hex) {
  std::string text;
  if (hex != "-")
    for (size_t i = 0; i + 1 < hex.size(); i += 2)
      text += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return text;
}

template <typename T> std::vector<T> numbersOf(const std::string &list) {
  std::vector<T> numbers;
  if (list == "-")
    return numbers;
  std::istringstream in(list);
  for (std::string number; std::getline(in, number, ',');)
    numbers.push_back(static_cast<T>(std::stoll(number)));
  return numbers;
}

} // namespace rosso

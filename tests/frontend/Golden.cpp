#include "Golden.h"

#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <sstream>

namespace rosso {

namespace {

std::map<std::string, Golden> readGolden() {
  std::map<std::string, Golden> all;
  std::ifstream file(ROSSO_SOURCE_DIR "/tests/frontend/golden.txt");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name, shape, number;
    words >> name >> shape;
    Golden &entry = all[name];
    std::istringstream extents(shape == "scalar" ? "" : shape);
    for (std::string extent; std::getline(extents, extent, 'x');)
      entry.shape.push_back(std::stoll(extent));
    while (words >> number)
      entry.values.push_back(std::stod(number));
  }
  return all;
}

} // namespace

const Golden &golden(const std::string &name) {
  static const std::map<std::string, Golden> all = readGolden();
  auto found = all.find(name);
  EXPECT_NE(found, all.end()) << "golden.txt has no " << name;
  static const Golden none;
  return found == all.end() ? none : found->second;
}

Tensor input(const std::string &name, DType dtype) {
  const Golden &data = golden("in." + name);
  Shape shape(data.shape.begin(), data.shape.end());
  return Tensor::fromData(data.values, shape).cast(dtype);
}

reference::Value valueOf(const Tensor &t, const VarValues &vars, reference::Precision precision) {
  EXPECT_TRUE(t.ok()) << t.status().error().message;
  auto values = reference::evaluate(makeEntry("test", {{"out", t}}), vars, precision);
  EXPECT_TRUE(values.ok()) << values.error().message;
  return values.ok() ? (*values)[0] : reference::Value{};
}

std::vector<double> elements(const Tensor &t, const VarValues &vars) {
  return valueOf(t, vars).to<double>();
}

std::string message(const Tensor &t) {
  Status status = t.status();
  return status ? "" : status.error().message;
}

} // namespace rosso

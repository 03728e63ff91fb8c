// What NumPy computed (golden.py), and tensors compared with it.
#pragma once

#include "frontend/Tensor.h"
#include "frontend/reference/Evaluator.h"

#include <string>
#include <vector>

namespace rosso {

struct Golden {
  std::vector<int64_t> shape;
  std::vector<double> values;
};

/// A line of golden.txt.
const Golden &golden(const std::string &name);

/// The line "in.<name>" as a tensor of realised data.
Tensor input(const std::string &name, DType dtype = DType::F32);

/// The value of a tensor without leaves that need data; a test failure if it has none.
reference::Value valueOf(const Tensor &t, const VarValues &vars = {},
                         reference::Precision precision = reference::Precision::Typed);

/// The elements of the same.
std::vector<double> elements(const Tensor &t, const VarValues &vars = {});

/// The message a tensor carries; "" if it is good.
std::string message(const Tensor &t);

} // namespace rosso

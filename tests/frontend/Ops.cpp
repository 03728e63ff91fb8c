// Every op against NumPy: shape, type and values, in the node's types and in exact arithmetic.

#include "Golden.h"
#include "OpCases.h"

#include <cmath>
#include <gtest/gtest.h>

namespace rosso {

namespace {

void expectClose(const OpCase &test, reference::Precision precision, double tolerance) {
  const Golden &expected = golden(test.name);
  reference::Value found = valueOf(test.make(), {}, precision);
  EXPECT_EQ(found.shape, expected.shape);
  ASSERT_EQ(found.to<double>().size(), expected.values.size());
  for (size_t n = 0; n < expected.values.size(); ++n) {
    double wanted = expected.values[n];
    EXPECT_NEAR(found.at(n), wanted, tolerance * std::max(1.0, std::abs(wanted)))
        << "element " << n;
  }
}

class Op : public testing::TestWithParam<OpCase> {};

TEST_P(Op, AgreesWithNumPy) {
  const OpCase &test = GetParam();
  EXPECT_EQ(test.make().dtype(), test.dtype);
  expectClose(test, reference::Precision::Typed, test.tolerance);
  expectClose(test, reference::Precision::Exact, test.exactTolerance);
}

INSTANTIATE_TEST_SUITE_P(All, Op, testing::ValuesIn(opCases().begin(), opCases().end()),
                         [](const auto &info) { return std::string(info.param.name); });
INSTANTIATE_TEST_SUITE_P(Movement, Op,
                         testing::ValuesIn(movementCases().begin(), movementCases().end()),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace

} // namespace rosso

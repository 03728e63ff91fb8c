// Every op through the compiler, against NumPy: the same cases as the reference.

#include "Golden.h"
#include "OpCases.h"

#include "frontend/Jit.h"
#include "frontend/reference/Value.h"

#include <cmath>
#include <gtest/gtest.h>

namespace rosso {

namespace {

class CompiledOp : public testing::TestWithParam<OpCase> {};

TEST_P(CompiledOp, AgreesWithNumPy) {
  const OpCase &test = GetParam();
  const Golden &expected = golden(test.name);
  Result<HostTensor> result = test.make().toHost();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->dtype, test.dtype);
  EXPECT_EQ(result->shape, expected.shape);
  auto found = reference::decode(result->dtype, result->shape, result->bytes);
  ASSERT_TRUE(found.ok()) << found.error().message;
  for (size_t n = 0; n < expected.values.size(); ++n) {
    double wanted = expected.values[n];
    EXPECT_NEAR(found->at(n), wanted, 2 * test.tolerance * std::max(1.0, std::abs(wanted)))
        << "element " << n;
  }
}

INSTANTIATE_TEST_SUITE_P(All, CompiledOp, testing::ValuesIn(opCases().begin(), opCases().end()),
                         [](const auto &info) { return std::string(info.param.name); });
INSTANTIATE_TEST_SUITE_P(Movement, CompiledOp,
                         testing::ValuesIn(movementCases().begin(), movementCases().end()),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace

} // namespace rosso

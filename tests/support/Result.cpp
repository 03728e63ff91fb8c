#include "support/Result.h"

#include <gtest/gtest.h>

#include <memory>

namespace rosso {
namespace {

Result<int> half(int x) {
  if (x % 2)
    return badInput(std::to_string(x) + " is odd");
  return x / 2;
}

Result<int> quarter(int x) {
  ROSSO_TRY(int h, half(x));
  ROSSO_TRY(int q, half(h));
  return q;
}

Status isQuarterable(int x) {
  if (auto q = quarter(x); !q)
    return q.error().in("number " + std::to_string(x));
  return {};
}

Result<std::string> describe(int x) {
  ROSSO_CHECK(isQuarterable(x));
  return std::string("fine");
}

TEST(Result, HoldsAValueOrAnError) {
  EXPECT_EQ(*half(8), 4);
  EXPECT_FALSE(half(7).ok());
  EXPECT_EQ(half(7).error().message, "7 is odd");
  EXPECT_EQ(half(7).error().code, ErrorCode::BadInput);
}

TEST(Result, TryReturnsTheFirstError) {
  EXPECT_EQ(*quarter(12), 3);
  EXPECT_EQ(quarter(6).error().message, "3 is odd");
}

TEST(Result, ContextIsAddedInFront) {
  EXPECT_EQ(describe(6).error().message, "number 6: 3 is odd");
  EXPECT_EQ(*describe(4), "fine");
}

TEST(Result, MovesValuesThatCannotBeCopied) {
  Result<std::unique_ptr<int>> made = std::make_unique<int>(5);
  std::unique_ptr<int> taken = *std::move(made);
  EXPECT_EQ(*taken, 5);
}

TEST(Result, ExitCodeTellsTheUsersFaultsFromOurs) {
  EXPECT_EQ(exitCode(badInput("")), 2);
  EXPECT_EQ(exitCode(unsupported("")), 2);
  EXPECT_EQ(exitCode(outOfMemory("")), 1);
  EXPECT_EQ(exitCode({ErrorCode::Timeout, ""}), 1);
}

} // namespace
} // namespace rosso

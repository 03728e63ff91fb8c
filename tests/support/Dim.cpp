#include "support/Dim.h"
#include "support/DType.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace rosso {
namespace {

const Dim P = Dim::variable("P"), T = Dim::variable("T");

TEST(Dim, PrintsVariablesByNameThenTheConstant) {
  EXPECT_EQ((T + P).str(), "P + T");
  EXPECT_EQ((T * 2 + Dim(3)).str(), "2*T + 3");
  EXPECT_EQ((P - T - Dim(1)).str(), "P - T - 1");
  EXPECT_EQ((T * -1).str(), "-T");
  EXPECT_EQ((P * -3 + T).str(), "-3*P + T");
  EXPECT_EQ(Dim(7).str(), "7");
  EXPECT_EQ(Dim(-7).str(), "-7");
  EXPECT_EQ((P - P).str(), "0");
}

TEST(Dim, ParsesWhatPeopleWrite) {
  EXPECT_EQ(*Dim::parse("2*P + T + 3"), P * 2 + T + Dim(3));
  EXPECT_EQ(*Dim::parse(" T+P "), P + T);
  EXPECT_EQ(*Dim::parse("-T"), T * -1);
  EXPECT_EQ(*Dim::parse("- 2 * T + 10"), T * -2 + Dim(10));
  EXPECT_EQ(*Dim::parse("T + T"), T * 2);
  EXPECT_EQ(*Dim::parse("long_name2 - 1"), Dim::variable("long_name2") - Dim(1));
}

TEST(Dim, RefusesWhatIsNoExtent) {
  for (const char *text : {"", " ", "+", "T +", "2*", "2*3", "T*2", "T P", "2T", "a,b", "1.5",
                           "99999999999999999999", "9223372036854775807*T", "T + + P", "(T)"}) {
    auto parsed = Dim::parse(text);
    ASSERT_FALSE(parsed.ok()) << "'" << text << "' gave " << parsed->str();
    EXPECT_THAT(parsed.error().message, testing::HasSubstr("expected a form like"));
  }
}

TEST(Dim, TermsThatCancelAreGone) {
  EXPECT_TRUE((P + T - P - T).isConstant());
  EXPECT_EQ(P + T - P, T);
  EXPECT_TRUE((P * 0).isConstant());
}

TEST(Dim, DividesOnlyExactly) {
  EXPECT_EQ(*(T * 4 + Dim(8)).dividedBy(4), T + Dim(2));
  EXPECT_FALSE((T * 4 + Dim(6)).dividedBy(4));
  EXPECT_FALSE((T * 3 + Dim(8)).dividedBy(4));
  EXPECT_FALSE(T.dividedBy(0));
}

TEST(Dim, BoundsTakeEachVariableAtItsBetterEnd) {
  const VarTable vars = {{"P", {0, 1023}}, {"T", {1, 512}}};
  EXPECT_EQ((P + T).min(vars), 1);
  EXPECT_EQ((P + T).max(vars), 1535);
  EXPECT_EQ((P - T).min(vars), -512);
  EXPECT_EQ((P - T).max(vars), 1022);
  EXPECT_EQ(Dim(5).max(vars), 5);
}

TEST(Dim, ArithmeticEvaluatesAsItsParts) {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> small(-9, 9);
  auto draw = [&] { return P * small(random) + T * small(random) + Dim(small(random)); };
  for (int i = 0; i < 2000; ++i) {
    const Dim a = draw(), b = draw();
    const int factor = small(random);
    const VarValues at = {{"P", small(random)}, {"T", small(random)}};
    EXPECT_EQ((a + b).eval(at), a.eval(at) + b.eval(at));
    EXPECT_EQ((a - b).eval(at), a.eval(at) - b.eval(at));
    EXPECT_EQ((a * factor).eval(at), a.eval(at) * factor);
    EXPECT_EQ(*Dim::parse(a.str()), a) << a.str();
    EXPECT_EQ(Dim::parse(a.str())->str(), a.str());
    if (factor)
      EXPECT_EQ((a * factor).dividedBy(factor), a);
  }
}

TEST(Shape, PrintsAndCounts) {
  EXPECT_EQ(str(Shape{2, T, 896}), "[2, T, 896]");
  EXPECT_EQ(str(Shape{}), "[]");
  EXPECT_EQ(elementCount({2, T + Dim(1), 3}), T * 6 + Dim(6));
  EXPECT_EQ(elementCount({}), Dim(1));
  EXPECT_EQ(elementCount({P, T}), std::nullopt);
}

TEST(DType, NamesLeadBackToTheType) {
  for (DType t : {DType::Bool, DType::I64, DType::U8, DType::BF16, DType::F64})
    EXPECT_EQ(findDType(name(t)), t);
  EXPECT_EQ(findDType("f8"), std::nullopt);
  EXPECT_EQ(byteSize(DType::BF16), 2u);
  EXPECT_EQ(byteSize(DType::F64), 8u);
}

} // namespace
} // namespace rosso

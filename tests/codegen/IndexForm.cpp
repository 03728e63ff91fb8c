// Forms of indices: what reshapes, windows and strides make of them, worked out by hand.
#include "codegen/IndexForm.h"

#include <gtest/gtest.h>

namespace rosso::testing {
namespace {

class IndexFormTest : public ::testing::Test {
protected:
  IndexForms forms;

  IndexForm sum(const IndexForm &a, int64_t factor, const IndexForm &b, int64_t constant = 0) {
    IndexForm result = forms.add(forms.multiply(a, factor), b);
    result.constant += constant;
    return result;
  }
};

TEST_F(IndexFormTest, EqualTermsCancel) {
  IndexForm x = forms.symbol(10), y = forms.symbol(10);
  IndexForm difference = sum(sum(x, 3, y), 1, forms.multiply(x, -3), 5);
  EXPECT_EQ(forms.factorOf(x, difference), 0);
  EXPECT_EQ(forms.factorOf(y, difference), 1);
  EXPECT_EQ(difference.constant, 5);
}

// (56 * row + column) with column < 56 falls apart again.
TEST_F(IndexFormTest, DivisionUndoesAProduct) {
  IndexForm row = forms.symbol(9), column = forms.symbol(56);
  IndexForm position = sum(row, 56, column);
  EXPECT_EQ(forms.divide(position, 56), row);
  EXPECT_EQ(forms.remainder(position, 56), column);
  EXPECT_EQ(forms.divide(position, 7), sum(row, 8, forms.divide(column, 7)));
}

// 60 * row + column + 4 stays below 60 only while column < 56.
TEST_F(IndexFormTest, DivisionKeepsWhatMayCarry) {
  IndexForm row = forms.symbol(9), column = forms.symbol(56), wide = forms.symbol(57);
  EXPECT_EQ(forms.remainder(sum(row, 60, column, 4), 60), sum(column, 1, {}, 4));
  EXPECT_EQ(forms.divide(sum(row, 60, column, 4), 60), row);
  EXPECT_EQ(forms.factorOf(wide, forms.remainder(sum(row, 60, wide, 4), 60)), std::nullopt);
}

TEST_F(IndexFormTest, NothingIsKnownOfASymbolWithoutABound) {
  IndexForm any = forms.symbol(std::nullopt);
  EXPECT_FALSE(forms.isWithin(any, 1000));
  EXPECT_EQ(forms.factorOf(any, forms.divide(any, 8)), std::nullopt);
  EXPECT_EQ(forms.divide(forms.multiply(any, 8), 8), any);
}

TEST_F(IndexFormTest, PeriodsAreWhatDivisionsShare) {
  IndexForm n = forms.symbol(12 * 56);
  IndexForm planes = forms.divide(n, 4 * 56), columns = forms.remainder(n, 56);
  EXPECT_EQ(forms.periodOf(n, n), 0);
  EXPECT_EQ(forms.periodOf(n, columns), 56);
  EXPECT_EQ(forms.periodOf(n, sum(planes, 9, columns)), 56);
  EXPECT_EQ(forms.periodOf(n, forms.divide(sum(n, 1, {}, 3), 56)), 1); // does not begin with n
}

} // namespace
} // namespace rosso::testing

#include "money/money.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace jewelry {
namespace {

TEST(Money, PrintsEachCurrencysOwnDecimals) {
  EXPECT_EQ(Money(123450, "USD").text(), "1,234.50 USD");
  EXPECT_EQ(Money(5, "USD").text(), "0.05 USD");
  EXPECT_EQ(Money(25000, "VND").text(), "25,000 VND");
  EXPECT_EQ(Money(1, "KWD").text(), "0.001 KWD");
  EXPECT_EQ(Money(-123456789, "USD").text(), "-1,234,567.89 USD");
  EXPECT_EQ(Money(100, "JPY").text(), "100 JPY");
  EXPECT_EQ(Money(std::numeric_limits<int64_t>::min(), "JPY").text(),
            "-9,223,372,036,854,775,808 JPY");
}

TEST(Money, AddsAndMultipliesExactly) {
  EXPECT_EQ(Money(1999, "USD").times(3).plus(Money(1, "USD")), Money(5998, "USD"));
}

TEST(Money, RefusesOverflowMixedAndUnknownCurrencies) {
  const int64_t most = std::numeric_limits<int64_t>::max();
  EXPECT_THROW(Money(most, "USD").plus(Money(1, "USD")), slipway::Error);
  EXPECT_THROW(Money(most / 2, "USD").times(3), slipway::Error);
  EXPECT_THROW(Money(1, "USD").plus(Money(1, "VND")), slipway::Error);
  EXPECT_THROW(Money(1, "XXX"), slipway::Error);
}

}  // namespace
}  // namespace jewelry

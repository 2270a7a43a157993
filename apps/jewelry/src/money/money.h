// Money: whole minor units of one currency. Every operation that could overflow or mix currencies
// throws; there is no floating point anywhere.
#pragma once
#include <cstdint>
#include <string>

namespace jewelry {

class Money {
 public:
  Money() = default;
  // currency: ISO 4217, one that we know ("USD", "EUR", "VND", "JPY", "KWD").
  Money(int64_t minor, std::string currency);
  int64_t minor() const { return minor_; }
  const std::string& currency() const { return currency_; }
  Money plus(const Money& other) const;
  Money times(int64_t factor) const;
  // "1,234.50 USD", "25,000 VND", "-0.005 KWD"
  std::string text() const;
  bool operator==(const Money&) const = default;

 private:
  int64_t minor_ = 0;
  std::string currency_ = "USD";
};

// Decimal places of a currency. Throws Error(invalid_argument) for an unknown one.
int minor_digits(const std::string& currency);

}  // namespace jewelry

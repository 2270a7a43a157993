// Checked arithmetic and printing.
#include "money/money.h"

#include <map>

#include "base/error.h"

namespace jewelry {

int minor_digits(const std::string& currency) {
  static const std::map<std::string, int> kDigits = {
      {"USD", 2}, {"EUR", 2}, {"VND", 0}, {"JPY", 0}, {"KWD", 3}};
  const auto found = kDigits.find(currency);
  if (found == kDigits.end()) throw slipway::invalid_argument("unknown currency '{}'", currency);
  return found->second;
}

Money::Money(int64_t minor, std::string currency) : minor_(minor), currency_(std::move(currency)) {
  minor_digits(currency_);
}

Money Money::plus(const Money& other) const {
  if (currency_ != other.currency_)
    throw slipway::invalid_argument("cannot add {} to {}", other.currency_, currency_);
  int64_t sum = 0;
  if (__builtin_add_overflow(minor_, other.minor_, &sum))
    throw slipway::invalid_argument("an amount is too large");
  return {sum, currency_};
}

Money Money::times(int64_t factor) const {
  int64_t product = 0;
  if (__builtin_mul_overflow(minor_, factor, &product))
    throw slipway::invalid_argument("an amount is too large");
  return {product, currency_};
}

std::string Money::text() const {
  const int digits = minor_digits(currency_);
  // Unsigned, so that the smallest number has an absolute value.
  const uint64_t value = minor_ < 0 ? 0 - static_cast<uint64_t>(minor_) : minor_;
  const std::string plain = fmt::format("{:0{}}", value, digits + 1);
  const size_t point = plain.size() - static_cast<size_t>(digits);
  const std::string fraction = plain.substr(point);
  std::string whole;
  for (size_t i = 0; i < point; ++i) {
    if (i > 0 && (point - i) % 3 == 0) whole += ',';
    whole += plain[i];
  }
  return fmt::format("{}{}{}{} {}", minor_ < 0 ? "-" : "", whole, digits ? "." : "", fraction,
                     currency_);
}

}  // namespace jewelry

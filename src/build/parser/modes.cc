#include "build/parser/modes.h"

#include "base/error.h"
#include "base/strings.h"

namespace slipway::build {

namespace {

[[noreturn]] void bad_mode(std::string_view text) {
  throw invalid_argument(
      "invalid chmod parameter: '{}'. it should be octal string and between 0 and 07777, or "
      "symbolic (u=rwX,go-w)",
      text);
}

uint32_t mode_bits(char what, uint32_t mode, bool directory) {
  switch (what) {
    case 'r':
      return 0444;
    case 'w':
      return 0222;
    case 'x':
      return 0111;
    case 'X':
      return directory || (mode & 0111) != 0 ? 0111 : 0;
    case 's':
      return 06000;
    default:
      return 01000;
  }
}

}  // namespace

ModeChange::Clause ModeChange::parse_clause(std::string_view text, std::string_view whole) {
  Clause clause;
  size_t i = 0;
  for (; i < text.size() && std::string_view("ugoa").find(text[i]) != std::string_view::npos; ++i) {
    if (text[i] == 'u' || text[i] == 'a') clause.who |= 04700;
    if (text[i] == 'g' || text[i] == 'a') clause.who |= 02070;
    if (text[i] == 'o' || text[i] == 'a') clause.who |= 01007;
  }
  if (i == 0) clause.who = 07777;
  if (i >= text.size() || std::string_view("+-=").find(text[i]) == std::string_view::npos)
    bad_mode(whole);
  clause.op = text[i];
  clause.what = std::string(text.substr(i + 1));
  if (clause.what.find_first_not_of("rwxXst") != std::string::npos) bad_mode(whole);
  return clause;
}

ModeChange ModeChange::parse(std::string_view text) {
  ModeChange out;
  if (!text.empty() && text.find_first_not_of("01234567") == std::string_view::npos) {
    if (text.size() > 5) bad_mode(text);
    out.value_ = static_cast<uint32_t>(std::stoul(std::string(text), nullptr, 8));
    if (out.value_ > 07777) bad_mode(text);
    out.octal_ = true;
    return out;
  }
  for (const auto& part : split(text, ',')) out.clauses_.push_back(parse_clause(part, text));
  if (out.clauses_.empty()) bad_mode(text);
  return out;
}

uint32_t ModeChange::apply(uint32_t mode, bool directory) const {
  if (octal_) return value_;
  for (const auto& clause : clauses_) {
    uint32_t bits = 0;
    for (const char what : clause.what) bits |= mode_bits(what, mode, directory);
    bits &= clause.who;
    if (clause.op == '=') mode = (mode & ~(clause.who & 0777)) | bits;
    if (clause.op == '+') mode |= bits;
    if (clause.op == '-') mode &= ~bits;
  }
  return mode;
}

}  // namespace slipway::build

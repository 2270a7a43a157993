// The pattern's words.
#include "logs/filter.h"

#include "base/error.h"
#include "base/strings.h"

namespace slipway::logs {

namespace {

std::string quoted(std::string_view pattern, size_t& at) {
  std::string out;
  for (++at; at < pattern.size(); ++at) {
    if (pattern[at] == '"') {
      ++at;
      return out;
    }
    if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
    out += pattern[at];
  }
  throw invalid_argument("Invalid filter pattern: a quote is not closed");
}

std::string plain(std::string_view pattern, size_t& at) {
  const size_t begin = at;
  while (at < pattern.size() && pattern[at] != ' ' && pattern[at] != '\t') ++at;
  const std::string_view word = pattern.substr(begin, at - begin);
  for (const char c : word) {
    if (static_cast<unsigned char>(c) < 0x80 && !only_alnum_and({&c, 1}, "_."))
      throw invalid_argument("Invalid character(s) in term '{}': put it in double quotes", word);
  }
  return std::string(word);
}

bool occurs(std::string_view message, const std::string& term) {
  return message.find(term) != std::string_view::npos;
}

}  // namespace

Filter::Filter(std::string_view pattern) {
  if (pattern.size() > 1024)
    throw invalid_argument("Invalid filter pattern: longer than 1024 characters");
  pattern = trim(pattern);
  if (pattern.starts_with('{'))
    throw invalid_argument("JSON filter patterns ({{ $.field = ... }}) are not supported yet");
  if (pattern.starts_with('['))
    throw invalid_argument("Space-delimited filter patterns ([a, b, ...]) are not supported yet");
  size_t at = 0;
  while (at < pattern.size()) {
    if (pattern[at] == ' ' || pattern[at] == '\t') {
      ++at;
      continue;
    }
    std::vector<std::string>* into = &all_;
    if (pattern[at] == '-' || pattern[at] == '?') into = pattern[at++] == '-' ? &none_ : &any_;
    if (at < pattern.size() && pattern[at] == '%')
      throw invalid_argument(
          "Regular expressions (%...%) in filter patterns are not supported yet");
    const bool in_quotes = at < pattern.size() && pattern[at] == '"';
    std::string term = in_quotes ? quoted(pattern, at) : plain(pattern, at);
    if (term.empty()) throw invalid_argument("Invalid filter pattern: an empty term");
    into->push_back(std::move(term));
  }
  // As in CloudWatch: optional terms count only on their own.
  if (!all_.empty() || !none_.empty()) any_.clear();
}

bool Filter::matches(std::string_view message) const {
  for (const auto& term : all_) {
    if (!occurs(message, term)) return false;
  }
  for (const auto& term : none_) {
    if (occurs(message, term)) return false;
  }
  if (any_.empty()) return true;
  return std::any_of(any_.begin(), any_.end(),
                     [&](const std::string& term) { return occurs(message, term); });
}

}  // namespace slipway::logs

#include "build/parser/words.h"

#include <cctype>

#include "base/error.h"
#include "base/strings.h"
#include "codec/json.h"

namespace slipway::build {

namespace {

constexpr int max_depth = 32;

class Expander {
 public:
  Expander(std::string_view text, const Lookup& lookup, char escape, bool keep_quotes,
           int depth = 0)
      : text_(text), lookup_(lookup), escape_(escape), keep_quotes_(keep_quotes), depth_(depth) {
    if (depth > max_depth)
      throw invalid_argument("variable expansion nests deeper than {}", max_depth);
  }

  std::string all() {
    std::string out;
    while (at_ < text_.size()) step(out);
    return out;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void step(std::string& out) {
    const char c = text_[at_];
    if (!keep_quotes_ && c == '\'') {
      single_quoted(out);
    } else if (!keep_quotes_ && c == '"') {
      double_quoted(out);
    } else if (c == '$') {
      out += variable();
    } else if (c == escape_) {
      ++at_;
      if (keep_quotes_ && peek() != '$') out += c;
      if (at_ < text_.size()) out += text_[at_++];
    } else {
      out += c;
      ++at_;
    }
  }

  void single_quoted(std::string& out) {
    const size_t end = text_.find('\'', at_ + 1);
    if (end == std::string_view::npos)
      throw invalid_argument("unexpected end of statement while looking for matching single-quote");
    out += text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
  }

  void double_quoted(std::string& out) {
    ++at_;
    while (peek() != '"') {
      if (at_ >= text_.size())
        throw invalid_argument(
            "unexpected end of statement while looking for matching double-quote");
      if (peek() == '$') {
        out += variable();
      } else if (peek() == escape_ && at_ + 1 < text_.size()) {
        const char next = text_[at_ + 1];
        if (next != '"' && next != '$' && next != escape_) out += escape_;
        out += next;
        at_ += 2;
      } else {
        out += text_[at_++];
      }
    }
    ++at_;
  }

  std::string variable() {
    ++at_;  // the $
    if (peek() == '{') return braced();
    std::string name;
    while (std::isalnum(static_cast<unsigned char>(peek())) != 0 || peek() == '_')
      name += text_[at_++];
    if (name.empty()) return "$";
    return lookup_(name).value_or("");
  }

  // The text up to the matching }, with nested ${...} kept.
  std::string_view braced_word() {
    const size_t begin = at_;
    int open = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == escape_ && at_ + 1 < text_.size()) {
        ++at_;
      } else if (c == '$' && at_ + 1 < text_.size() && text_[at_ + 1] == '{') {
        ++open;
        ++at_;
      } else if (c == '}' && open-- == 0) {
        return text_.substr(begin, at_++ - begin);
      }
    }
    throw invalid_argument("syntax error: missing '}}' in '{}'", text_);
  }

  std::string sub(std::string_view word) {
    return Expander(word, lookup_, escape_, keep_quotes_, depth_ + 1).all();
  }

  std::string braced() {
    ++at_;  // the {
    std::string name;
    while (std::isalnum(static_cast<unsigned char>(peek())) != 0 || peek() == '_')
      name += text_[at_++];
    if (name.empty()) throw invalid_argument("syntax error: bad variable name in '{}'", text_);
    const auto value = lookup_(name);
    const std::string_view word = braced_word();
    if (word.empty()) return value.value_or("");
    const bool colon = word[0] == ':';
    const char op = word.size() > (colon ? 1u : 0u) ? word[colon ? 1 : 0] : '\0';
    const std::string_view operand = word.substr(std::min<size_t>(word.size(), colon ? 2 : 1));
    const bool set = value && (!colon || !value->empty());
    switch (op) {
      case '-':
        return set ? *value : sub(operand);
      case '+':
        return set ? sub(operand) : "";
      case '?':
        if (!set)
          throw invalid_argument("{}: {}", name,
                                 operand.empty() ? "parameter is not set" : sub(operand));
        return *value;
      case '#':
      case '%':
      case '/':
        if (!colon) return pattern(op, value.value_or(""), operand);
        break;
      default:
        break;
    }
    throw invalid_argument("unsupported modifier ({}) in substitution", word);
  }

  std::string pattern(char op, const std::string& value, std::string_view operand) {
    const bool twice = !operand.empty() && operand[0] == op;
    if (twice) operand.remove_prefix(1);
    if (op == '/') return replace(value, operand, twice);
    const std::string glob = sub(operand);
    for (size_t i = 0; i <= value.size(); ++i) {
      const size_t cut = twice ? value.size() - i : i;
      const std::string_view part = op == '#' ? std::string_view(value).substr(0, cut)
                                              : std::string_view(value).substr(value.size() - cut);
      if (glob_match(glob, part))
        return op == '#' ? value.substr(cut) : value.substr(0, value.size() - cut);
    }
    return value;
  }

  // Longest match first, from the left, as a shell does.
  std::string replace(const std::string& value, std::string_view operand, bool all) {
    const auto [from, to] = split_once(operand, '/');
    const std::string glob = sub(from);
    const std::string by = sub(to);
    std::string out;
    size_t at = 0;
    while (at < value.size()) {
      size_t length = value.size() - at;
      while (length > 0 && !glob_match(glob, std::string_view(value).substr(at, length))) --length;
      if (length == 0) {
        out += value[at++];
        continue;
      }
      out += by;
      at += length;
      if (!all) break;
    }
    return out + value.substr(std::min(at, value.size()));
  }

  std::string_view text_;
  const Lookup& lookup_;
  char escape_;
  bool keep_quotes_;
  int depth_;
  size_t at_ = 0;
};

}  // namespace

std::string expand_word(std::string_view text, const Lookup& lookup, char escape) {
  return Expander(text, lookup, escape, false).all();
}

std::string expand_text(std::string_view text, const Lookup& lookup, char escape) {
  return Expander(text, lookup, escape, true).all();
}

std::vector<std::string> split_words(std::string_view text, char escape) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
      if (in_word) words.push_back(std::exchange(word, {}));
      in_word = false;
      continue;
    }
    in_word = true;
    if (c == escape && quote != '\'' && i + 1 < text.size()) {
      word += c;
      word += text[++i];
      continue;
    }
    if (quote != 0 ? c == quote : (c == '"' || c == '\'')) quote = quote != 0 ? 0 : c;
    word += c;
  }
  if (in_word) words.push_back(word);
  return words;
}

std::vector<std::string> expand_words(std::string_view text, const Lookup& lookup, char escape) {
  std::vector<std::string> out;
  for (const auto& word : split_words(text, escape)) {
    std::string value = expand_word(word, lookup, escape);
    const bool quoted = word.find_first_of("\"'") != std::string::npos;
    if (!value.empty() || quoted) out.push_back(std::move(value));
  }
  return out;
}

std::optional<std::vector<std::string>> parse_exec_form(std::string_view text) {
  text = trim(text);
  if (!text.starts_with('[')) return std::nullopt;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_array()) return std::nullopt;
  std::vector<std::string> words;
  for (const auto& item : json) {
    if (!item.is_string()) return std::nullopt;
    words.push_back(item.get<std::string>());
  }
  return words;
}

}  // namespace slipway::build

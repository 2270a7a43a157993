#include "build/parser/ignore.h"

#include "base/error.h"
#include "base/strings.h"

namespace slipway::build {

namespace {

std::vector<std::string> clean_parts(std::string_view path) {
  std::vector<std::string> parts;
  for (auto& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else {
      parts.push_back(std::move(part));
    }
  }
  return parts;
}

// Matches one character against a class that starts after '['; moves `at` past its ']'.
bool match_class(std::string_view pattern, size_t& at, char c) {
  bool negated = false;
  bool matched = false;
  size_t i = at;
  if (i < pattern.size() && (pattern[i] == '^' || pattern[i] == '!')) {
    negated = true;
    ++i;
  }
  bool first = true;
  for (; i < pattern.size() && (pattern[i] != ']' || first); first = false) {
    char low = pattern[i++];
    if (low == '\\' && i < pattern.size()) low = pattern[i++];
    char high = low;
    if (i + 1 < pattern.size() && pattern[i] == '-' && pattern[i + 1] != ']') {
      high = pattern[i + 1];
      i += 2;
    }
    if (low <= c && c <= high) matched = true;
  }
  if (i >= pattern.size()) throw invalid_argument("syntax error in pattern '{}'", pattern);
  at = i + 1;
  return matched != negated;
}

}  // namespace

bool match_component(std::string_view pattern, std::string_view name) {
  size_t p = 0;
  size_t n = 0;
  size_t star = std::string_view::npos;
  size_t resume = 0;
  const auto backtrack = [&] {
    if (star == std::string_view::npos) return false;
    p = star + 1;
    n = ++resume;
    return true;
  };
  while (n < name.size() || p < pattern.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
      continue;
    }
    bool ok = n < name.size() && p < pattern.size();
    if (ok && pattern[p] == '[') {
      ok = match_class(pattern, ++p, name[n]);
    } else if (ok && pattern[p] == '\\' && p + 1 < pattern.size()) {
      ok = pattern[p + 1] == name[n];
      p += 2;
    } else if (ok) {
      ok = pattern[p] == '?' || pattern[p] == name[n];
      ++p;
    }
    if (ok) {
      ++n;
    } else if (n >= name.size() || !backtrack() || n > name.size()) {
      return false;
    }
  }
  return true;
}

bool match_path(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  // reachable[j]: pattern so far matches the first j components.
  std::vector<char> reachable(path.size() + 1, 0);
  reachable[0] = 1;
  for (const auto& part : pattern) {
    std::vector<char> next(path.size() + 1, 0);
    for (size_t j = 0; j <= path.size(); ++j) {
      if (reachable[j] == 0) continue;
      if (part == "**") {
        for (size_t k = j; k <= path.size(); ++k) next[k] = 1;
      } else if (j < path.size() && match_component(part, path[j])) {
        next[j + 1] = 1;
      }
    }
    reachable.swap(next);
  }
  return reachable[path.size()] != 0;
}

Ignore Ignore::parse(std::string_view text) {
  Ignore made;
  int number = 0;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (const auto& raw : split(text, '\n')) {
    ++number;
    std::string_view line = trim(raw);
    if (line.empty() || line.starts_with('#')) continue;
    Pattern pattern;
    pattern.line = {number, std::string(line)};
    if (line.starts_with('!')) {
      pattern.keep = true;
      line = trim(line.substr(1));
      if (line.empty())
        throw invalid_argument(".dockerignore line {}: illegal exclusion pattern: \"!\"", number);
    }
    pattern.parts = clean_parts(line);
    try {
      for (const auto& part : pattern.parts) match_component(part, "probe");
    } catch (const Error& e) {
      throw invalid_argument(".dockerignore line {}: {}", number, e.what());
    }
    if (!pattern.parts.empty()) made.patterns_.push_back(std::move(pattern));
  }
  return made;
}

void Ignore::add(std::string_view pattern) {
  for (auto& one : parse(pattern).patterns_) patterns_.push_back(std::move(one));
}

bool Ignore::has_exceptions() const {
  return std::any_of(patterns_.begin(), patterns_.end(), [](const auto& one) { return one.keep; });
}

bool Ignore::excludes(std::string_view path) const {
  return decider(path) != nullptr;
}

std::optional<Ignore::Line> Ignore::decided_by(std::string_view path) const {
  const Pattern* pattern = decider(path);
  if (pattern == nullptr) return std::nullopt;
  return pattern->line;
}

const Ignore::Pattern* Ignore::decider(std::string_view path) const {
  const auto parts = clean_parts(path);
  bool out = false;
  const Pattern* by = nullptr;
  for (const auto& pattern : patterns_) {
    if (pattern.keep != out) continue;  // would change nothing
    for (size_t depth = parts.size(); depth > 0; --depth) {
      if (match_path(pattern.parts, {parts.begin(), parts.begin() + static_cast<long>(depth)})) {
        out = !pattern.keep;
        by = &pattern;
        break;
      }
    }
  }
  return out ? by : nullptr;
}

}  // namespace slipway::build

// .dockerignore: which paths of a context are left out. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::build {

class Ignore {
 public:
  // Throws Error(invalid_argument) naming the line of a malformed pattern.
  static Ignore parse(std::string_view text);
  // One pattern more.
  void add(std::string_view pattern);
  // path: relative, '/'-separated, without leading or trailing slash. The last matching pattern
  // decides; a pattern that matches a parent matches what is below.
  bool excludes(std::string_view path) const;
  // The line that leaves a path out; nullopt: none does.
  struct Line {
    int line = 0;
    std::string text;
  };
  std::optional<Line> decided_by(std::string_view path) const;
  bool has_exceptions() const;  // some !pattern
  bool empty() const { return patterns_.empty(); }

 private:
  struct Pattern {
    std::vector<std::string> parts;
    bool keep = false;  // !pattern
    Line line{};
  };
  const Pattern* decider(std::string_view path) const;  // nullptr: it stays
  std::vector<Pattern> patterns_;
};

// One path component against one of Go's filepath.Match patterns: * ? [a-z] [^x] and \ escapes.
// Throws Error(invalid_argument) on an unterminated class.
bool match_component(std::string_view pattern, std::string_view name);
// A whole path, component by component; ** stands for any number of components.
bool match_path(const std::vector<std::string>& pattern, const std::vector<std::string>& path);

}  // namespace slipway::build

#include "build/parser/dockerfile.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

#include "base/strings.h"

namespace slipway::build {

namespace {

constexpr size_t max_text_bytes = 1 << 20;

struct Line {
  std::string text;
  int number;
};

std::vector<Line> split_lines(std::string_view text) {
  std::vector<Line> lines;
  int number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view one = text.substr(0, end);
    if (one.ends_with('\r')) one.remove_suffix(1);
    lines.push_back({std::string(one), ++number});
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

bool is_comment(std::string_view line) {
  return trim(line).starts_with('#');
}

// "# escape=`", "# syntax=..." and "# check=..." count only before the first other line.
void read_directives(const std::vector<Line>& lines, Dockerfile& file) {
  std::set<std::string> seen;
  for (const auto& [text, number] : lines) {
    const std::string_view line = trim(text);
    if (!line.starts_with('#')) return;
    auto [name, value] = split_once(line.substr(1), '=');
    const std::string key = to_lower(trim(name));
    if (value.empty() || key.empty() || !only_alnum_and(key, "-_")) return;
    const std::string_view wanted = trim(value);
    if ((key == "escape" || key == "syntax") && !seen.insert(key).second)
      throw DockerfileError(number, fmt::format("only one {} parser directive can be used", key));
    if (key == "syntax") file.syntax = std::string(wanted);
    if (key != "escape") continue;
    if (wanted != "\\" && wanted != "`")
      throw DockerfileError(number, fmt::format("invalid ESCAPE '{}'. Must be ` or \\", wanted));
    file.escape = wanted[0];
  }
}

// True (and the escape cut off) when the line goes on in the next one.
bool cut_continuation(std::string& line, char escape) {
  size_t end = line.size();
  while (end > 0 && (line[end - 1] == ' ' || line[end - 1] == '\t')) --end;
  if (end == 0 || line[end - 1] != escape) return false;
  if (end > 1 && line[end - 2] == escape && escape != '`') return false;
  line.resize(end - 1);
  return true;
}

bool takes_heredocs(std::string_view keyword) {
  return keyword == "RUN" || keyword == "COPY" || keyword == "ADD";
}

struct HeredocMark {
  Heredoc doc;
  bool strip_tabs = false;
};

// Reads the word after "<<" or "<<-" at text[at]; nullopt when it is no heredoc mark.
std::optional<HeredocMark> read_mark(std::string_view text, size_t& at) {
  HeredocMark mark;
  size_t i = at + 2;
  if (i < text.size() && text[i] == '-') {
    mark.strip_tabs = true;
    ++i;
  }
  char quote = 0;
  if (i < text.size() && (text[i] == '"' || text[i] == '\'')) quote = text[i++];
  const size_t begin = i;
  while (i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) != 0 ||
                             text[i] == '_' || text[i] == '.' || text[i] == '-')) {
    ++i;
  }
  if (i == begin || std::isdigit(static_cast<unsigned char>(text[begin])) != 0) return std::nullopt;
  mark.doc.name = std::string(text.substr(begin, i - begin));
  if (quote != 0) {
    if (i >= text.size() || text[i] != quote) return std::nullopt;
    mark.doc.expand = false;
    ++i;
  }
  at = i;
  return mark;
}

std::vector<HeredocMark> find_marks(std::string_view text) {
  std::vector<HeredocMark> marks;
  char quote = 0;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    if (quote != 0) {
      if (text[i] == quote) quote = 0;
    } else if (text[i] == '"' || text[i] == '\'') {
      quote = text[i];
    } else if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '<' && text[i + 1] == '<') {
      if (i + 2 < text.size() && text[i + 2] == '<') {  // <<< is a shell here-string
        i += 2;
        continue;
      }
      size_t at = i;
      if (auto mark = read_mark(text, at)) {
        marks.push_back(*mark);
        i = at - 1;
      }
    }
  }
  return marks;
}

void read_heredoc(HeredocMark& mark, const std::vector<Line>& lines, size_t& next, int first_line) {
  for (; next < lines.size(); ++next) {
    std::string line = lines[next].text;
    if (mark.strip_tabs) line.erase(0, std::min(line.find_first_not_of('\t'), line.size()));
    if (line == mark.doc.name) {
      ++next;
      return;
    }
    mark.doc.content += line + '\n';
  }
  throw DockerfileError(first_line,
                        fmt::format("unterminated heredoc: no line '{}'", mark.doc.name));
}

// A flag ends at the first blank outside quotes.
size_t flag_end(std::string_view text) {
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == ' ' || c == '\t') {
      return i;
    }
  }
  return text.size();
}

// Cuts leading --name[=value] words off the rest.
void take_flags(RawInstruction& instruction) {
  std::string_view rest = instruction.rest;
  while (rest.starts_with("--")) {
    const size_t end = flag_end(rest);
    const std::string_view word = rest.substr(2, end - 2);
    if (word.empty()) {
      rest = trim(rest.substr(end));
      break;
    }
    auto [name, value] = split_once(word, '=');
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
        value.back() == value.front()) {
      value = value.substr(1, value.size() - 2);
    }
    instruction.flags.emplace_back(name, value);
    rest = trim(rest.substr(end));
  }
  instruction.rest = std::string(rest);
}

bool has_flags(std::string_view keyword) {
  static constexpr std::string_view with[] = {"FROM", "RUN", "COPY", "ADD", "HEALTHCHECK"};
  return std::find(std::begin(with), std::end(with), keyword) != std::end(with);
}

RawInstruction make_instruction(std::string_view text, int line) {
  RawInstruction made;
  made.line = line;
  const std::string_view body = trim(text);
  const size_t end = std::min(body.find_first_of(" \t"), body.size());
  made.keyword = to_upper(body.substr(0, end));
  made.rest = std::string(trim(body.substr(end)));
  made.original = made.keyword + (made.rest.empty() ? "" : " " + made.rest);
  if (has_flags(made.keyword)) take_flags(made);
  return made;
}

}  // namespace

RawInstruction parse_instruction_line(std::string_view line, int number) {
  return make_instruction(line, number);
}

Dockerfile parse_dockerfile(std::string_view text) {
  if (text.size() > max_text_bytes) throw DockerfileError(1, "the Dockerfile is larger than 1 MiB");
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const auto lines = split_lines(text);
  Dockerfile file;
  read_directives(lines, file);
  size_t next = 0;
  while (next < lines.size()) {
    if (trim(lines[next].text).empty() || is_comment(lines[next].text)) {
      ++next;
      continue;
    }
    const int first = lines[next].number;
    std::string joined;
    bool more = true;
    while (more && next < lines.size()) {
      std::string line = lines[next++].text;
      if (!joined.empty() && (is_comment(line) || trim(line).empty())) continue;
      more = cut_continuation(line, file.escape);
      joined += line;
    }
    RawInstruction made = make_instruction(joined, first);
    if (takes_heredocs(made.keyword) && !made.rest.starts_with('[')) {
      for (auto& mark : find_marks(made.rest)) {
        read_heredoc(mark, lines, next, first);
        made.heredocs.push_back(std::move(mark.doc));
      }
    }
    file.instructions.push_back(std::move(made));
  }
  if (file.instructions.empty()) throw DockerfileError(1, "file with no instructions");
  return file;
}

}  // namespace slipway::build

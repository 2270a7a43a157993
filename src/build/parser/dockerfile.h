// Dockerfile text -> instructions as written: keyword, flags, the rest, heredocs and line numbers.
// Pure. No variable is expanded here (see words.h) and no meaning checked (see instructions.h).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace slipway::build {

// An error of the Dockerfile: what() is "dockerfile parse error on line N: ...".
class DockerfileError : public Error {
 public:
  DockerfileError(int line, const std::string& message)
      : Error(Kind::invalid_argument,
              fmt::format("dockerfile parse error on line {}: {}", line, message)),
        line_(line) {}
  int line() const { return line_; }

 private:
  int line_;
};

struct Heredoc {
  std::string name;     // the word after <<
  std::string content;  // lines with their newlines; leading tabs gone for <<-
  bool expand = true;   // false when the word was quoted
};

struct RawInstruction {
  std::string keyword;                                     // upper case
  std::vector<std::pair<std::string, std::string>> flags;  // --name=value; value "" for --name
  std::string rest;                                        // joined continuation lines, trimmed
  std::vector<Heredoc> heredocs;
  int line = 0;          // first line, from 1
  std::string original;  // as shown in "Step 1/4 : ..."
};

struct Dockerfile {
  char escape = '\\';
  std::string syntax;  // of "# syntax=": which language version the author meant
  std::vector<RawInstruction> instructions;
};

// Throws DockerfileError. At most 1 MiB of text.
Dockerfile parse_dockerfile(std::string_view text);

// One instruction from a line of its own (ONBUILD's triggers).
RawInstruction parse_instruction_line(std::string_view line, int number);

}  // namespace slipway::build

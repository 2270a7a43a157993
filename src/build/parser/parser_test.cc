#include <gtest/gtest.h>
#include <map>

#include "build/parser/dockerfile.h"
#include "build/parser/ignore.h"
#include "build/parser/instructions.h"
#include "build/parser/words.h"

namespace slipway::build {
namespace {

std::string error_of(std::string_view text) {
  try {
    interpret(parse_dockerfile(text));
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

std::optional<std::string> lookup(const std::string& name) {
  static const std::map<std::string, std::string> values = {
      {"A", "one"}, {"EMPTY", ""}, {"P", "a/b/c.txt"}};
  const auto at = values.find(name);
  return at == values.end() ? std::nullopt : std::optional(at->second);
}

std::string word(std::string_view text) {
  return expand_word(text, lookup);
}

TEST(Dockerfile, JoinsContinuedLinesAndSkipsComments) {
  const auto file = parse_dockerfile("# hello\nFROM scratch\nRUN a && \\\n  # not this\n\n  b\n");
  ASSERT_EQ(file.instructions.size(), 2u);
  EXPECT_EQ(file.instructions[1].keyword, "RUN");
  EXPECT_EQ(file.instructions[1].rest, "a &&   b");
  EXPECT_EQ(file.instructions[1].line, 3);
}

TEST(Dockerfile, EscapeDirectiveChangesTheContinuationCharacter) {
  const auto file = parse_dockerfile("# escape=`\nFROM scratch\nRUN a `\n b c:\\\n");
  EXPECT_EQ(file.escape, '`');
  EXPECT_EQ(file.instructions[1].rest, "a  b c:\\");
}

TEST(Dockerfile, ReadsHeredocsWithAndWithoutExpansion) {
  const auto file =
      parse_dockerfile("FROM x\nRUN <<EOF\necho 1\nEOF\nCOPY <<-'B' /b\n\tx $A\n\tB\nCMD y\n");
  ASSERT_EQ(file.instructions.size(), 4u);
  EXPECT_EQ(file.instructions[1].heredocs.at(0).content, "echo 1\n");
  EXPECT_TRUE(file.instructions[1].heredocs.at(0).expand);
  EXPECT_EQ(file.instructions[2].heredocs.at(0).content, "x $A\n");
  EXPECT_FALSE(file.instructions[2].heredocs.at(0).expand);
}

TEST(Dockerfile, ErrorsNameTheLine) {
  EXPECT_EQ(error_of("FROM scratch\n\nFOO bar\n"),
            "dockerfile parse error on line 3: unknown instruction: FOO");
  EXPECT_EQ(error_of("FROM scratch\nRUN <<E\nx\n"),
            "dockerfile parse error on line 2: unterminated heredoc: no line 'E'");
  EXPECT_EQ(
      error_of("COPY a b\n"),
      "dockerfile parse error on line 1: no build stage in current context (FROM must come first)");
  EXPECT_EQ(error_of("FROM a\nCOPY --frm=x a b\n"),
            "dockerfile parse error on line 2: COPY: unknown flag: frm");
  EXPECT_EQ(error_of("FROM a\nCOPY a\n"),
            "dockerfile parse error on line 2: COPY requires at least two arguments, but only 1 "
            "was provided");
  EXPECT_NE(error_of("FROM a\nRUN --mount=type=cache x\n").find("not supported"),
            std::string::npos);
  EXPECT_NE(error_of("FROM a\nHEALTHCHECK --start-interval=1s CMD x\n").find("not supported"),
            std::string::npos);
  EXPECT_NE(error_of("# nothing\n").find("no instructions"), std::string::npos);
}

TEST(Instructions, KeepFlagsFormsAndStages) {
  const auto file =
      interpret(parse_dockerfile("ARG V=1\nFROM a:$V AS Base\nFROM b\nCOPY --from=base --chown=1:2 "
                                 "[\"x y\", \"/z/\"]\nHEALTHCHECK --interval=1m30s CMD "
                                 "[\"/c\"]\nENV K=\"v w\" L=m\nENTRYPOINT [\"/x\"]\nCMD a b\n"));
  ASSERT_EQ(file.stages.size(), 2u);
  EXPECT_EQ(file.global_args.size(), 1u);
  EXPECT_EQ(file.stages[0].from.name, "base");
  const auto& copy = std::get<Copy>(file.stages[1].instructions[0].meaning);
  EXPECT_EQ(copy.from, "base");
  EXPECT_EQ(copy.sources, std::vector<std::string>{"x y"});
  EXPECT_EQ(std::get<Healthcheck>(file.stages[1].instructions[1].meaning).interval_ns,
            90'000'000'000);
  EXPECT_EQ(std::get<Env>(file.stages[1].instructions[2].meaning).pairs.size(), 2u);
  EXPECT_TRUE(std::get<Entrypoint>(file.stages[1].instructions[3].meaning).command.exec_form);
  EXPECT_EQ(std::get<Cmd>(file.stages[1].instructions[4].meaning).command.text, "a b");
}

TEST(Words, ExpandsVariablesAndRemovesQuotes) {
  EXPECT_EQ(word("x$A-${A}"), "xone-one");
  EXPECT_EQ(word("'$A' \"$A\" \\$A"), "$A one $A");
  EXPECT_EQ(word("${B:-d}${EMPTY:-e}${EMPTY-f}"), "de");
  EXPECT_EQ(word("${A:+yes}${B:+no}"), "yes");
  EXPECT_EQ(word("${B:-${A}x}"), "onex");
  EXPECT_EQ(word("${P##*/} ${P#*/} ${P%/*} ${P%%/*}"), "c.txt b/c.txt a/b a");
  EXPECT_EQ(word("${P/b/X} ${P//\\//-}"), "a/X/c.txt a/b/c.txt");
  EXPECT_THROW(word("${A"), Error);
  EXPECT_THROW(word("'open"), Error);
  EXPECT_THROW(word("${B:?must be set}"), Error);
}

TEST(Words, SplitsOutsideQuotesOnly) {
  EXPECT_EQ(split_words("a 'b c'  \"d e\"f g\\ h"),
            (std::vector<std::string>{"a", "'b c'", "\"d e\"f", "g\\ h"}));
  EXPECT_FALSE(parse_exec_form("[a, b]"));
  EXPECT_FALSE(parse_exec_form("echo"));
  EXPECT_EQ(parse_exec_form("[\"a\", \"b c\"]")->at(1), "b c");
}

TEST(Ignore, LastMatchingPatternDecides) {
  const auto ignore =
      Ignore::parse("# c\n*.md\n!README.md\nnode_modules\n**/*.o\n/build/\ntmp[0-9]\n");
  EXPECT_TRUE(ignore.excludes("x.md"));
  EXPECT_FALSE(ignore.excludes("README.md"));
  EXPECT_FALSE(ignore.excludes("docs/x.md"));
  EXPECT_TRUE(ignore.excludes("node_modules/a/b.js"));
  EXPECT_TRUE(ignore.excludes("a/b/c.o"));
  EXPECT_TRUE(ignore.excludes("c.o"));
  EXPECT_TRUE(ignore.excludes("build/x"));
  EXPECT_TRUE(ignore.excludes("tmp7"));
  EXPECT_FALSE(ignore.excludes("tmpx"));
}

TEST(Durations, AreGoDurations) {
  EXPECT_EQ(parse_duration_ns("1m0.5s"), 60'500'000'000);
  EXPECT_THROW(parse_duration_ns("10"), Error);
  EXPECT_THROW(parse_duration_ns(""), Error);
}

}  // namespace
}  // namespace slipway::build

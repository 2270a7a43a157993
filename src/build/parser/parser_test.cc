#include <gtest/gtest.h>
#include <map>

#include "build/parser/dockerfile.h"
#include "build/parser/ignore.h"
#include "build/parser/instructions.h"
#include "build/parser/modes.h"
#include "build/parser/mounts.h"
#include "build/parser/words.h"
#include "build/plan.h"

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
            "dockerfile parse error on line 2: COPY: unknown flag: frm (did you mean from?)");
  EXPECT_EQ(error_of("FROM a\nCOPY a\n"),
            "dockerfile parse error on line 2: COPY requires at least two arguments, but only 1 "
            "was provided");
  EXPECT_NE(error_of("FROM a\nRUN --mount=type=cache x\n").find("target is required"),
            std::string::npos);
  EXPECT_NE(error_of("FROM a\nRUN --security=some x\n").find("is not valid"), std::string::npos);
  EXPECT_NE(error_of("FROM a\nCOPY --link=perhaps a b\n").find("expecting boolean"),
            std::string::npos);
  EXPECT_NE(error_of("FROM a\nADD --checksum=md5:0 http://x/y z\n").find("sha256"),
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

TEST(Mounts, ReadEveryKey) {
  const auto cache =
      parse_run_mount("type=cache,dst=/c,sharing=locked,mode=0750,uid=5,gid=6,ro", 1);
  EXPECT_EQ(cache.type, RunMount::Type::cache);
  EXPECT_EQ(cache.id, "/c");
  EXPECT_EQ(cache.sharing, "locked");
  EXPECT_EQ(cache.mode, 0750u);
  EXPECT_EQ(cache.uid, 5u);
  EXPECT_TRUE(cache.read_only);
  const auto bind = parse_run_mount("target=/x,\"source=a,b\",from=y", 1);
  EXPECT_EQ(bind.type, RunMount::Type::bind);
  EXPECT_EQ(bind.source, "a,b");
  EXPECT_TRUE(bind.read_only);
  EXPECT_FALSE(parse_run_mount("type=bind,target=/x,rw", 1).read_only);
  EXPECT_EQ(parse_run_mount("type=secret,target=/a/token,required", 1).id, "token");
  EXPECT_EQ(parse_run_mount("type=ssh", 1).id, "default");
  EXPECT_EQ(parse_run_mount("type=tmpfs,target=/t,size=2m", 1).size, 2u << 20);
}

TEST(Mounts, RefuseWhatNoMountMeans) {
  for (const char* text :
       {"type=bnd,target=/x", "type=bind", "type=tmpfs,target=/x,id=1", "type=secret",
        "type=cache,target=/x,sharing=none", "type=cache,target=/x,mode=9", "target=/x,colour=red",
        "type=cache,target=/x,source=/y", "type=tmpfs,target=/x,size=much", "\"target=/x"}) {
    EXPECT_THROW(parse_run_mount(text, 1), DockerfileError) << text;
  }
  EXPECT_THROW(mount_source_stage("target=/x,from=$S", 1), DockerfileError);
}

TEST(Modes, OctalAndSymbolic) {
  EXPECT_EQ(ModeChange::parse("0755").apply(0600, false), 0755u);
  EXPECT_EQ(ModeChange::parse("u=rwX,go=rX").apply(0600, false), 0644u);
  EXPECT_EQ(ModeChange::parse("u=rwX,go=rX").apply(0700, true), 0755u);
  EXPECT_EQ(ModeChange::parse("a+x,o-rwx").apply(0644, false), 0750u);
  EXPECT_EQ(ModeChange::parse("+t").apply(0777, true), 01777u);
  for (const char* text : {"", "8", "07778", "u", "u~x", "u=q", "77777"})
    EXPECT_THROW(ModeChange::parse(text), Error) << text;
}

TEST(Plan, FindsWhatATargetNeedsAndNumbersItsSteps) {
  const auto file =
      interpret(parse_dockerfile("FROM x AS a\nRUN 1\nFROM x AS b\nRUN 1\nRUN 2\nFROM x AS c\nRUN "
                                 "--mount=from=a,target=/a 3\nFROM b\nCOPY --from=C / /\n"));
  const std::map<std::string, std::string> none;
  Plan plan(file, none);
  plan.need(plan.choose(""));
  EXPECT_TRUE(plan.needed(0) && plan.needed(1) && plan.needed(2) && plan.needed(3));
  EXPECT_EQ(plan.steps(), 9);
  Plan only(file, none);
  only.need(only.choose("c"));
  EXPECT_FALSE(only.needed(1));
  EXPECT_EQ(only.first_step(2), 3);
  EXPECT_EQ(only.steps(), 4);
  EXPECT_THROW(only.choose("d"), Error);
  EXPECT_EQ(only.find("2", 2), std::nullopt);
}

TEST(Durations, AreGoDurations) {
  EXPECT_EQ(parse_duration_ns("1m0.5s"), 60'500'000'000);
  EXPECT_THROW(parse_duration_ns("10"), Error);
  EXPECT_THROW(parse_duration_ns(""), Error);
}

}  // namespace
}  // namespace slipway::build

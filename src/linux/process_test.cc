#include "linux/process.h"

#include <csignal>
#include <gtest/gtest.h>

#include "base/error.h"

namespace slipway::linux {
namespace {

SteadyTime in(milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

TEST(Run, CapturesBothStreamsAndTheExitCode) {
  const auto result =
      run({.argv = {"sh", "-c", "cat; echo oops >&2; exit 3"}}, {.input = "some text"});
  EXPECT_EQ(result.out, "some text");
  EXPECT_EQ(result.err, "oops\n");
  EXPECT_EQ(result.status.code, 3);
  EXPECT_EQ(result.status.describe(), "exit code 3");
}

TEST(Run, CutsOutputAtTheLimitButLetsTheProgramEnd) {
  const auto result =
      run({.argv = {"sh", "-c", "head -c 300000 /dev/zero"}}, {.output_limit = 1000});
  EXPECT_EQ(result.out.size(), 1000u);
  EXPECT_TRUE(result.truncated);
  EXPECT_TRUE(result.status.ok());
}

TEST(Run, SurvivesAProgramThatDoesNotReadItsInput) {
  const auto result = run({.argv = {"true"}}, {.input = std::string(1 << 20, 'x')});
  EXPECT_TRUE(result.status.ok());
}

TEST(Run, KillsAtTheDeadline) {
  try {
    run({.argv = {"sleep", "100"}}, {.deadline = in(milliseconds(50))});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::timeout);
  }
}

TEST(Run, EndsWhenStopped) {
  const Stop stop;
  stop.request();
  try {
    run({.argv = {"sleep", "100"}}, {}, stop);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::cancelled);
  }
}

TEST(Run, DoesNotWaitForAGrandchildThatKeepsThePipe) {
  const auto result =
      run({.argv = {"sh", "-c", "sleep 20 & echo $!"}}, {.deadline = in(seconds(5))});
  ASSERT_TRUE(result.status.ok());
  ::kill(std::stoi(result.out), SIGKILL);
}

TEST(Run, SaysWhichProgramIsMissing) {
  try {
    run({.argv = {"no-such-program-here"}});
    FAIL();
  } catch (const SystemError& e) {
    EXPECT_EQ(e.error_number(), ENOENT);
    EXPECT_NE(std::string(e.what()).find("no-such-program-here"), std::string::npos);
  }
}

TEST(Run, OkQuotesTheLastWordsOfAFailure) {
  try {
    run_ok({.argv = {"sh", "-c", "echo broken >&2; exit 7"}});
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "sh failed: exit code 7: broken");
  }
}

TEST(Process, GivesExactlyTheMappedDescriptorsEnvironmentAndFolder) {
  auto one = make_pipe();
  auto two = make_pipe();
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c", "pwd >&3; echo $A >&4; ls /proc/self/fd | wc -l >&4"};
  options.env = {"A=b", "PATH=/usr/bin:/bin"};
  options.cwd = "/usr";
  // Crossed over: neither may overwrite the other's source.
  options.fds = {{3, one.write.get()}, {4, two.write.get()}};
  auto process = Process::spawn(options);
  EXPECT_TRUE(process.wait({}, in(seconds(5)))->ok());
  char buffer[100];
  EXPECT_EQ(std::string(buffer, read_some(one.read.get(), buffer)), "/usr\n");
  std::string text;
  two.write.reset();
  while (const auto n = read_some(two.read.get(), buffer)) text.append(buffer, n);
  EXPECT_EQ(text, "b\n6\n");  // 0 1 2 3 4 and ls's own directory
}

TEST(Process, MapsDescriptorsWhoseNumbersCross) {
  auto a = make_pipe();
  auto b = make_pipe();
  SpawnOptions options;
  options.argv = {"sh", "-c",
                  fmt::format("echo a >&{}; echo b >&{}", b.write.get(), a.write.get())};
  if (a.write.get() > 9 || b.write.get() > 9) GTEST_SKIP() << "sh knows one-digit descriptors only";
  options.fds = {{b.write.get(), a.write.get()}, {a.write.get(), b.write.get()}};
  auto process = Process::spawn(options);
  EXPECT_TRUE(process.wait({}, in(seconds(5)))->ok());
  char buffer[10];
  EXPECT_EQ(std::string(buffer, read_some(a.read.get(), buffer)), "a\n");
  EXPECT_EQ(std::string(buffer, read_some(b.read.get(), buffer)), "b\n");
}

TEST(Process, ReportsSignalsAndKnowsWhoIsAlive) {
  auto process = Process::spawn({.argv = {"sleep", "100"}});
  const auto began = process_start_time(process.pid());
  ASSERT_TRUE(began);
  EXPECT_TRUE(process_alive(process.pid(), *began));
  EXPECT_FALSE(process_alive(process.pid(), *began + 1));
  EXPECT_FALSE(process.wait({}, in(milliseconds(10))));
  process.kill(SIGTERM);
  const auto status = process.wait({}, in(seconds(5)));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->signal, SIGTERM);
  EXPECT_EQ(status->shell_code(), 143);
  EXPECT_FALSE(process_alive(process.pid(), *began));
  EXPECT_FALSE(open_pidfd(process.pid()));
}

TEST(Process, DestructorEndsIt) {
  int pid = 0;
  {
    auto process = Process::spawn({.argv = {"sleep", "100"}});
    pid = process.pid();
  }
  EXPECT_FALSE(process_start_time(pid));
}

}  // namespace
}  // namespace slipway::linux

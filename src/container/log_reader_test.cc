#include "container/log_reader.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/ids.h"
#include "container/events.h"
#include "container/workers.h"

namespace slipway::container {
namespace {

using testing::ElementsAre;

std::string line(std::string_view stream, std::string_view tag, std::string_view text) {
  return fmt::format("2026-11-23T06:40:49.418882945+00:00 {} {} {}\n", stream, tag, text);
}

class LogFileTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  std::vector<std::string> read(LogFile& file) {
    std::vector<std::string> out;
    LogAssembler assembler([&](const LogLine& l) {
      out.push_back(fmt::format("{}:{}", l.stream, l.text));
      return true;
    });
    file.read([&](const LogRecord& record) { return assembler.add(record); });
    assembler.finish();
    return out;
  }
  std::vector<std::string> tail(int64_t n, bool out = true, bool err = true) {
    LogFile file(path_);
    file.seek_tail(n, out, err);
    return read(file);
  }
  const std::string path_ = testing::TempDir() + "log-" + random_hex(8);
};

TEST(LogRecord, is_parsed_with_time_stream_and_tag) {
  const std::string text = line("stderr", "P", "a b");
  const auto record = parse_log_record(std::string_view(text).substr(0, text.size() - 1));
  ASSERT_TRUE(record);
  EXPECT_EQ(to_rfc3339(record->time), "2026-11-23T06:40:49.418882Z");
  EXPECT_EQ(record->stream, 2);
  EXPECT_TRUE(record->partial);
  EXPECT_EQ(record->text, "a b");
}

TEST(LogRecord, malformed_lines_are_refused) {
  for (const char* bad : {"", "x", "2026-11-23T06:40:49Z", "2026-11-23T06:40:49Z stdout",
                          "2026-11-23T06:40:49Z stdin F x", "2026-11-23T06:40:49Z stdout X y",
                          "2026-11-23T06:40:49Z stdout Fx", "yesterday stdout F x"})
    EXPECT_FALSE(parse_log_record(bad)) << bad;
  EXPECT_TRUE(parse_log_record("2026-11-23T06:40:49Z stdout F "));
}

TEST_F(LogFileTest, joins_partial_lines_of_each_stream) {
  write_file(path_, line("stdout", "P", "a") + line("stderr", "F", "e") + line("stdout", "F", "b") +
                        line("stdout", "P", "open"));
  LogFile file(path_);
  EXPECT_THAT(read(file), ElementsAre("2:e\n", "1:ab\n", "1:open"));
}

TEST_F(LogFileTest, goes_on_where_it_stopped_even_inside_a_line) {
  const std::string first = line("stdout", "F", "one"), second = line("stdout", "F", "two");
  write_file(path_, first + second.substr(0, 10));
  LogFile file(path_);
  EXPECT_THAT(read(file), ElementsAre("1:one\n"));
  std::ofstream(path_, std::ios::app) << second.substr(10);
  EXPECT_THAT(read(file), ElementsAre("1:two\n"));
}

TEST_F(LogFileTest, tail_counts_whole_lines_of_the_wanted_streams) {
  std::string text;
  for (int i = 0; i < 5000; ++i) {
    text += line("stdout", "P", "x") + line("stdout", "F", std::to_string(i));
    text += line("stderr", "F", "e" + std::to_string(i));
  }
  write_file(path_, text);
  EXPECT_THAT(tail(2), ElementsAre("1:x4999\n", "2:e4999\n"));
  EXPECT_THAT(tail(0), ElementsAre());
  EXPECT_EQ(tail(10'000).size(), 10'000u);
  EXPECT_EQ(tail(9'999).size(), 9'999u);
  EXPECT_EQ(tail(1'000'000).size(), 10'000u);
  EXPECT_EQ(tail(3, false, true).back(), "2:e4999\n");
}

TEST_F(LogFileTest, an_absent_file_is_empty) {
  EXPECT_THAT(tail(3), ElementsAre());
}

TEST(Events, a_follower_gets_what_came_after_its_cursor) {
  Events events(2);
  const auto soon = [] { return std::chrono::steady_clock::now() + milliseconds(1); };
  uint64_t cursor = 0;
  events.publish({{}, "container", "before", "1", {}});
  EXPECT_TRUE(events.wait(cursor, Stop(), soon()).empty());
  for (const char* action : {"a", "b", "c"}) events.publish({{}, "container", action, "1", {}});
  const auto got = events.wait(cursor, Stop(), soon());
  ASSERT_EQ(got.size(), 2u);  // the ring holds two
  EXPECT_EQ(got[0].action, "b");
  EXPECT_TRUE(events.wait(cursor, Stop(), soon()).empty());
}

TEST(Workers, run_jobs_in_time_and_drop_the_rest_at_the_end) {
  std::atomic<int> ran = 0;
  Stop second;
  {
    Workers workers(2);
    const auto now = std::chrono::steady_clock::now();
    workers.post_at(now + std::chrono::hours(1), [&] { ran += 100; });
    workers.post_at(now + milliseconds(5), [&] {
      ++ran;
      second.request();
    });
    workers.post([&] { ++ran; });
    EXPECT_TRUE(second.wait_for(seconds(5)));
  }
  EXPECT_EQ(ran, 2);
}

}  // namespace
}  // namespace slipway::container

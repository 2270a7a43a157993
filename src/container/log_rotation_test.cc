// Logs that are set aside while somebody reads them; the keys that end an attachment.
#include <fcntl.h>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/ids.h"
#include "container/conmon.h"
#include "container/log_reader.h"
#include "container/log_rotator.h"

namespace slipway::container {
namespace {

class RotatedLog : public testing::Test {
 protected:
  void SetUp() override { make_directories(folder_); }
  void TearDown() override { remove_tree(folder_); }
  static std::string lines(int from, int to) {
    std::string text;
    for (int i = from; i <= to; ++i)
      text += fmt::format("2026-11-23T06:40:49.{:09}+00:00 stdout F {}\n", i * 1000, i);
    return text;
  }
  // In place, as conmon does: a reader's descriptor stays good.
  void append(int from, int to) {
    const Fd fd(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    write_all(fd.get(), lines(from, to));
  }
  // What conmon does at its limit: a new file in the place of the full one.
  void begin_anew(int from, int to) {
    write_file(path_ + ".tmp", lines(from, to));
    std::filesystem::rename(path_ + ".tmp", path_);
  }
  static std::vector<int> numbers(LogFile& file) {
    std::vector<int> out;
    file.read([&](const LogRecord& record) {
      out.push_back(std::stoi(std::string(record.text)));
      return true;
    });
    return out;
  }
  static std::vector<int> range(int from, int to) {
    std::vector<int> out;
    for (int i = from; i <= to; ++i) out.push_back(i);
    return out;
  }
  const std::string folder_ = "/tmp/slipway-rotated-" + random_hex(8), path_ = folder_ + "/log";
};

TEST_F(RotatedLog, is_read_from_its_oldest_file) {
  append(1, 3);
  keep_log(path_, 3);
  begin_anew(4, 5);
  keep_log(path_, 3);
  begin_anew(6, 6);
  LogFile early(path_);
  EXPECT_EQ(numbers(early), range(1, 6)) << "the last change has not been seen by the rotator";
  keep_log(path_, 3);
  keep_log(path_, 3);
  LogFile file(path_);
  EXPECT_EQ(numbers(file), range(1, 6));
  begin_anew(7, 7);
  keep_log(path_, 3);  // the oldest goes
  LogFile later(path_);
  EXPECT_EQ(numbers(later), range(4, 7));
  EXPECT_FALSE(exists(path_ + ".3"));
}

TEST_F(RotatedLog, a_reader_goes_over_to_the_next_file_without_a_gap) {
  append(1, 2);
  keep_log(path_, 4);
  LogFile file(path_);
  EXPECT_EQ(numbers(file), range(1, 2));
  append(3, 3);
  begin_anew(4, 4);
  EXPECT_EQ(numbers(file), range(3, 4)) << "seen by the reader before the rotator";
  keep_log(path_, 4);
  EXPECT_TRUE(numbers(file).empty());
  append(5, 5);
  begin_anew(6, 7);
  keep_log(path_, 4);
  EXPECT_EQ(numbers(file), range(5, 7));
}

TEST_F(RotatedLog, a_reader_of_a_file_that_has_gone_goes_on_with_what_there_is) {
  append(1, 2);
  LogFile file(path_);
  EXPECT_EQ(numbers(file), range(1, 2));
  begin_anew(3, 4);  // nobody kept the first
  EXPECT_EQ(numbers(file), range(3, 4));
}

TEST_F(RotatedLog, a_reader_never_goes_back_when_changes_were_too_quick_to_keep_all) {
  append(1, 2);
  keep_log(path_, 5);
  begin_anew(3, 4);
  keep_log(path_, 5);
  LogFile file(path_);
  EXPECT_EQ(numbers(file), range(1, 4));
  std::filesystem::remove(path_ + ".keep");  // of the file that the reader has
  begin_anew(5, 6);
  keep_log(path_, 5);
  EXPECT_EQ(numbers(file), range(5, 6));
}

TEST_F(RotatedLog, is_whole_after_a_crash_amid_a_change) {
  append(1, 2);
  keep_log(path_, 4);
  begin_anew(3, 4);
  keep_log(path_, 4);
  begin_anew(5, 6);
  // keep_log got as far as this:
  std::filesystem::rename(path_ + ".1", path_ + ".2");
  LogFile file(path_);
  EXPECT_EQ(numbers(file), range(1, 6));
  keep_log(path_, 4);
  LogFile later(path_);
  EXPECT_EQ(numbers(later), range(1, 6));
}

TEST_F(RotatedLog, is_kept_below_its_cap_in_a_burst_and_without_a_gap_where_it_was_kept) {
  constexpr int kFiles = 4, kChanges = 200, kLines = 50;
  LogRotator rotator;
  rotator.watch("c", path_, {1000, kFiles});
  for (int i = 0; i < kChanges; ++i) {
    begin_anew(i * kLines + 1, (i + 1) * kLines);
    // Never more than the files that are wanted and the one that is being moved.
    const auto names = std::filesystem::directory_iterator(folder_);
    EXPECT_LE(std::distance(begin(names), end(names)), kFiles + 2);
  }
  rotator.forget("c");
  LogFile file(path_);
  const auto seen = numbers(file);
  ASSERT_GE(seen.size(), size_t{kLines});
  EXPECT_EQ(seen.back(), kChanges * kLines);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_FALSE(exists(path_ + "." + std::to_string(kFiles)));
}

TEST_F(RotatedLog, tail_counts_over_files) {
  append(1, 5);
  keep_log(path_, 5);
  begin_anew(6, 10);
  keep_log(path_, 5);
  begin_anew(11, 12);
  for (int lines : {0, 1, 2, 3, 7, 8, 12, 100}) {
    LogFile file(path_);
    file.seek_tail(lines, true, true);
    EXPECT_EQ(numbers(file), range(std::max(1, 13 - lines), 12)) << lines;
  }
}

TEST(DetachKeys, end_an_attachment_also_in_pieces) {
  DetachKeys keys("\x10\x11");
  EXPECT_EQ(keys.pass("ab\x10"), "ab");
  EXPECT_FALSE(keys.complete());
  EXPECT_EQ(keys.pass("\x11xyz"), "");
  EXPECT_TRUE(keys.complete());
}

TEST(DetachKeys, what_was_not_them_is_passed_on) {
  DetachKeys keys("\x10\x11");
  EXPECT_EQ(keys.pass("\x10z\x10\x10"), "\x10z\x10");
  EXPECT_EQ(keys.pass("a"),
            "\x10"
            "a");
  EXPECT_FALSE(keys.complete());
  DetachKeys none("");
  EXPECT_EQ(none.pass("\x10\x11"), "\x10\x11");
  EXPECT_FALSE(none.complete());
}

}  // namespace
}  // namespace slipway::container

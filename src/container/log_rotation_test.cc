// Logs that are set aside while somebody reads them; the keys that end an attachment.
#include <fcntl.h>
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
  void append(int from, int to) {
    std::string text = read_file_if_exists(path_).value_or("");
    for (int i = from; i <= to; ++i)
      text += fmt::format("2026-11-23T06:40:49.418882945+00:00 stdout F {}\n", i);
    // In place, as conmon does: a reader's descriptor stays good.
    const Fd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    write_all(fd.get(), text);
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
  shift_log_files(path_, 3);
  append(4, 5);
  shift_log_files(path_, 3);
  append(6, 6);
  LogFile file(path_);
  EXPECT_EQ(numbers(file), range(1, 6));
  shift_log_files(path_, 3);  // the oldest goes
  append(7, 7);
  LogFile later(path_);
  EXPECT_EQ(numbers(later), range(4, 7));
}

TEST_F(RotatedLog, a_reader_goes_over_to_the_next_file_without_a_gap) {
  append(1, 2);
  LogFile file(path_);
  EXPECT_EQ(numbers(file), range(1, 2));
  shift_log_files(path_, 4);
  EXPECT_TRUE(numbers(file).empty()) << "the new file is not there yet";
  append(3, 3);
  shift_log_files(path_, 4);
  append(4, 5);
  EXPECT_EQ(numbers(file), range(3, 5));
}

TEST_F(RotatedLog, a_reader_of_a_file_that_has_gone_goes_on_with_what_there_is) {
  append(1, 2);
  LogFile file(path_);
  EXPECT_EQ(numbers(file), range(1, 2));
  shift_log_files(path_, 1);
  append(3, 4);
  EXPECT_EQ(numbers(file), range(3, 4));
}

TEST_F(RotatedLog, tail_counts_over_files) {
  append(1, 5);
  shift_log_files(path_, 5);
  append(6, 10);
  shift_log_files(path_, 5);
  append(11, 12);
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

#include "agent/log_shipper.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/sync.h"

namespace slipway::agent {
namespace {

using Line = LogShipper::Line;

class LogShipperTest : public ::testing::Test {
 protected:
  LogShipperTest() { make_directories(folder_); }
  ~LogShipperTest() override { remove_tree(folder_); }

  // A source of count lines that then ends, or goes on until stopped.
  LogShipper::Source lines(int count, bool ends = true) {
    return [count, ends](const Stop& stop, const std::function<bool(const Line&)>& sink) {
      for (int i = 0; i < count; ++i) {
        Line line;
        line.text = std::to_string(i);
        if (!sink(line)) return;
      }
      if (!ends) stop.wait_for(seconds(20));
    };
  }
  // Drops what it has already, as CloudWatch Logs does.
  LogShipper::Put collect() {
    return [this](const std::vector<Line>& batch, uint64_t first) {
      if (failures_.fetch_sub(1) > 0) throw unavailable("not now");
      auto taken = taken_.lock();
      EXPECT_LE(first, taken->size()) << "a gap";
      for (size_t i = 0; i < batch.size(); ++i) {
        if (first + i >= taken->size()) taken->push_back(batch[i].text);
      }
      taken_.notify_all();
    };
  }
  bool taken(size_t count) {
    return taken_.lock().wait_until(std::chrono::steady_clock::now() + seconds(10),
                                    [&](const auto& lines) { return lines.size() >= count; });
  }

  std::string folder_ = "/tmp/slipway-logs-" + random_hex(8);
  Sync<std::vector<std::string>> taken_;
  std::atomic<int> failures_{0};
  Wakeup drained_;
};

TEST_F(LogShipperTest, DeliversEveryLineInOrderAndThenIsDrained) {
  LogShipper shipper;
  shipper.follow("a", folder_ + "/a", lines(25'000), collect(), [this] { drained_.notify(); });
  ASSERT_EQ(wait_readable(drained_.fd(), Stop(), std::chrono::steady_clock::now() + seconds(20)),
            Ready::yes);
  EXPECT_TRUE(shipper.drained("a"));
  const auto taken = *taken_.lock();
  ASSERT_EQ(taken.size(), 25'000u);
  for (size_t i = 0; i < taken.size(); ++i) ASSERT_EQ(taken[i], std::to_string(i));
  EXPECT_EQ(read_file(folder_ + "/a"), "25000");
}

TEST_F(LogShipperTest, GoesOnWhereItsPredecessorStopped) {
  {
    LogShipper shipper;
    shipper.follow("a", folder_ + "/a", lines(10, false), collect(), {});
    ASSERT_TRUE(taken(10));
    EXPECT_FALSE(shipper.drained("a"));
  }
  LogShipper shipper;
  shipper.follow("a", folder_ + "/a", lines(30, false), collect(), {});
  ASSERT_TRUE(taken(30));
  EXPECT_EQ(taken_.lock()->size(), 30u);
}

TEST_F(LogShipperTest, TriesAgainWhenTheReceiverFails) {
  failures_ = 1;
  LogShipper shipper;
  shipper.follow("a", folder_ + "/a", lines(5), collect(), {});
  EXPECT_TRUE(taken(5));
}

TEST_F(LogShipperTest, ForgettingEndsAReaderThatWaits) {
  LogShipper shipper;
  shipper.follow("a", folder_ + "/a", lines(1, false), collect(), {});
  shipper.forget("a");
  EXPECT_TRUE(shipper.drained("a"));
}

}  // namespace
}  // namespace slipway::agent

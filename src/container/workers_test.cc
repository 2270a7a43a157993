// Threads that run jobs at their time.
#include "container/workers.h"

#include <gtest/gtest.h>

#include "base/stop.h"

namespace slipway::container {
namespace {

TEST(Workers, a_job_of_later_begins_in_time_though_the_others_are_busy) {
  for (int i = 0; i < 20; ++i) {
    const Stop later;
    std::atomic<bool> in_time = false;
    const Stop done;
    Workers workers(2);  // last: its threads end before what they use
    workers.post_at(std::chrono::steady_clock::now() + milliseconds(20), [&] { later.request(); });
    // Whichever thread takes this one: the other has to see to the job above.
    Stop().wait_for(milliseconds(2));
    workers.post([&] {
      in_time = later.wait_for(seconds(5));
      done.request();
    });
    EXPECT_TRUE(done.wait_for(seconds(10)));
    ASSERT_TRUE(in_time) << "the job of later waited for a job that waited for it";
  }
}

TEST(Workers, what_has_not_begun_is_dropped_at_the_end) {
  std::atomic<int> ran = 0;
  {
    Workers workers(1);
    workers.post_at(std::chrono::steady_clock::now() + seconds(60), [&] { ++ran; });
    workers.stop();
    workers.post([&] { ++ran; });
  }
  EXPECT_EQ(ran, 0);
}

}  // namespace
}  // namespace slipway::container

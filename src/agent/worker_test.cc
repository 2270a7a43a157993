// The worker's threads against a pretended host: pulls, stops, failures, and what is stored.
#include "agent/worker.h"

#include <gtest/gtest.h>

#include "agent/testing.h"
#include "base/error.h"
#include "base/sync.h"

namespace slipway::agent {
namespace {

class FakeRuntime : public TaskRuntime {
 public:
  void adopt(const TaskRecord&, const TaskHandle& handle) override { *wake_.lock() = handle.wake; }
  void prepare(const TaskRecord&, const TaskHandle&) override {
    if (!prepare_error.empty()) throw Error(Kind::internal, prepare_error);
  }
  Pulled pull(const std::string& image, const Stop& stop) override {
    ++pulls;
    if (pull_blocks) {
      stop.wait_for(seconds(20));
      throw cancelled("stopped");
    }
    if (image == "missing") throw not_found("CannotPullContainerError: {} not found", image);
    return {"sha256:1", "sha256:2"};
  }
  void create(const TaskRecord&, size_t i) override {
    auto host = host_.lock();
    (*host)[i].there = true;
    (*host)[i].id = fmt::format("id{}", i);
  }
  std::string start(const TaskRecord&, size_t i, const TaskHandle&) override {
    if (!start_error.empty()) throw Error(Kind::internal, start_error);
    auto host = host_.lock();
    (*host)[i].started = (*host)[i].running = true;
    return "stream";
  }
  void signal(const TaskRecord&, size_t i) override { end(i, 143); }
  void kill(const TaskRecord&, size_t i) override { end(i, 137); }
  Seen look(const TaskRecord&, size_t i) override {
    auto host = host_.lock();
    return (*host)[i];
  }
  bool logs_drained(const TaskRecord&) override { return true; }
  void release(const TaskRecord&) override {
    if (++releases == 1) throw conflict("busy");  // is tried again
    host_.lock()->clear();
  }

  void end(size_t i, int code) {
    {
      auto host = host_.lock();
      (*host)[i].running = false;
      (*host)[i].exit_code = code;
    }
    if (const auto wake = *wake_.lock()) wake();
  }

  std::atomic<int> pulls{0}, releases{0};
  std::atomic<bool> pull_blocks{false};
  std::string prepare_error, start_error;

 private:
  Sync<std::map<size_t, Seen>> host_;
  Sync<std::function<void()>> wake_;  // the latest worker's
};

class WorkerTest : public ::testing::Test {
 protected:
  void begin(TaskRecord record) {
    worker_ = std::make_unique<Worker>(std::move(record), runtime_, *store_, clock_,
                                       [this] { changed_.notify(); });
    worker_->begin();
  }
  bool reaches(const std::string& status) {
    return waits_for([&] { return worker_->snapshot().status.last_status == status; });
  }
  // A worker shows a state before it has written it, and tells of it after.
  bool stores(const std::string& status) {
    return waits_for([&] {
      const auto record = stored();
      return record && record->status.last_status == status;
    });
  }
  bool waits_for(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(10);
    while (!holds()) {
      if (wait_readable(changed_.fd(), Stop(), deadline) != Ready::yes) return false;
      changed_.drain();
    }
    return true;
  }
  std::optional<TaskRecord> stored() {
    std::optional<TaskRecord> record;
    store_->read([&](const store::Reader& db) {
      if (const auto found = task_records.get(db, worker_->snapshot().spec.arn)) record = *found;
    });
    return record;
  }

  SystemClock clock_;
  Wakeup changed_;
  std::unique_ptr<store::Store> store_ = store::open_memory();
  FakeRuntime runtime_;
  std::unique_ptr<Worker> worker_;
};

TEST_F(WorkerTest, RunsATaskAndStopsIt) {
  auto spec = testing::one_container_task();
  spec.containers.push_back(testing::container_named("second"));
  begin(make_record(spec));
  ASSERT_TRUE(stores("RUNNING"));
  EXPECT_EQ(runtime_.pulls, 1);  // one image, two containers
  EXPECT_EQ(worker_->snapshot().containers[0].log_stream, "stream");
  worker_->request_stop(false);
  EXPECT_FALSE(stored()->want_running);
  ASSERT_TRUE(stores("STOPPED"));
  EXPECT_EQ(runtime_.releases, 2);
  EXPECT_EQ(stored()->containers[0].status.exit_code, 143);
}

TEST_F(WorkerTest, AMissingImageEndsTheTaskWithItsReason) {
  auto spec = testing::one_container_task();
  spec.containers[0].image = "missing";
  begin(make_record(spec));
  ASSERT_TRUE(stores("STOPPED"));
  EXPECT_EQ(stored()->status.stop_code, "TaskFailedToStart");
  EXPECT_EQ(stored()->status.stopped_reason, "CannotPullContainerError: missing not found");
}

TEST_F(WorkerTest, AStopCutsAPullShort) {
  runtime_.pull_blocks = true;
  begin(make_record(testing::one_container_task()));
  ASSERT_TRUE(reaches("ACTIVATING"));
  worker_->request_stop(false);
  ASSERT_TRUE(stores("STOPPED"));
  EXPECT_EQ(worker_->snapshot().containers[0].status.reason, "");
  EXPECT_EQ(worker_->snapshot().status.stop_code, "");
}

TEST_F(WorkerTest, FailuresToPrepareAndToStartAreTheTasks) {
  runtime_.prepare_error = "ResourceInitializationError: no";
  begin(make_record(testing::one_container_task()));
  ASSERT_TRUE(stores("STOPPED"));
  EXPECT_EQ(worker_->snapshot().status.stopped_reason, "ResourceInitializationError: no");
  worker_.reset();
  runtime_.prepare_error.clear();
  runtime_.start_error = "CannotStartContainerError: no";
  begin(make_record(testing::one_container_task()));
  ASSERT_TRUE(stores("STOPPED"));
  EXPECT_EQ(worker_->snapshot().containers[0].status.reason, "CannotStartContainerError: no");
  EXPECT_FALSE(worker_->snapshot().containers[0].status.exit_code);
}

TEST_F(WorkerTest, ANewWorkerTakesARunningTaskOver) {
  begin(make_record(testing::one_container_task()));
  ASSERT_TRUE(stores("RUNNING"));
  const auto record = *stored();
  worker_.reset();
  begin(record);
  runtime_.end(0, 5);
  ASSERT_TRUE(stores("STOPPED"));
  EXPECT_EQ(runtime_.pulls, 1);
  EXPECT_EQ(stored()->containers[0].status.exit_code, 5);
  EXPECT_EQ(stored()->status.stop_code, "EssentialContainerExited");
}

}  // namespace
}  // namespace slipway::agent

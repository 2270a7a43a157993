// Drives one task: looks, plans, saves, acts, waits for the next reason to look again. One thread
// for each task, plus one for each image while it is pulled.
#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/plan.h"
#include "agent/runtime.h"

namespace slipway::agent {

class Worker {
 public:
  // changed: called after each change, from the worker's threads, without its lock.
  Worker(TaskRecord record, TaskRuntime& runtime, store::Store& store, Clock& clock,
         std::function<void()> changed);
  ~Worker();  // ends the threads, not the task

  void begin();
  void end();  // ends the threads; not from one of them
  void wake() const { shared_->wakeup.notify(); }
  TaskRecord snapshot() const;
  // Durable when it returns.
  void request_stop(bool hurry);
  void mark_forget();
  bool ended() const;  // STOPPED

 private:
  void run();
  void loop();
  Observed observe();
  bool carry_out(const std::vector<Action>& actions);
  void carry_out(const Action& action);
  bool note_failure(const Action& action, const std::string& reason);
  void begin_pull();
  void pull_one(const std::string& image);
  void save();
  void wait(const std::optional<TimePoint>& until, milliseconds at_most);
  TaskHandle handle();

  TaskRuntime& runtime_;
  store::Store& store_;
  Clock& clock_;
  const std::function<void()> changed_;
  const std::string task_id_;
  const Stop stop_;
  const Stop pull_stop_ = stop_.child();
  // What a TaskHandle reaches: endpoints and log shippers may still ask after the worker's end.
  struct Shared {
    const Wakeup wakeup;
    std::mutex mutex;
    TaskRecord record;  // under mutex
  };
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::mutex& mutex_ = shared_->mutex;
  TaskRecord& record_ = shared_->record;
  std::mutex save_mutex_, end_mutex_;
  std::atomic<int> pulling_{0};
  bool prepared_ = false, released_ = false;  // the worker thread's own
  std::vector<std::jthread> pulls_;
  std::jthread thread_;
};

}  // namespace slipway::agent

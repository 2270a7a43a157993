#include "agent/worker.h"

#include "base/error.h"
#include "base/log.h"
#include "codec/json.h"

namespace slipway::agent {
namespace {

constexpr seconds look_again{15};  // events may be missed; the state never is, for longer
constexpr milliseconds retry_after{500};

// Keeps a broken pair of (plan, host) from spinning.
bool same(const std::vector<Action>& a, const std::vector<Action>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.what == y.what && x.container == y.container;
  });
}

}  // namespace

Worker::Worker(TaskRecord record, TaskRuntime& runtime, store::Store& store, Clock& clock,
               std::function<void()> changed)
    : runtime_(runtime),
      store_(store),
      clock_(clock),
      changed_(std::move(changed)),
      task_id_(record.spec.id) {
  record_ = std::move(record);
}

Worker::~Worker() {
  end();
}

void Worker::end() {
  stop_.request();
  const std::lock_guard one(end_mutex_);
  if (thread_.joinable()) thread_.join();
}

void Worker::begin() {
  thread_ = std::jthread([this] { run(); });
}

TaskRecord Worker::snapshot() const {
  const std::lock_guard lock(mutex_);
  return record_;
}

bool Worker::ended() const {
  const std::lock_guard lock(mutex_);
  return record_.status.last_status == "STOPPED";
}

void Worker::request_stop(bool hurry) {
  {
    const std::lock_guard lock(mutex_);
    if (!record_.want_running && (!hurry || record_.hurry)) return;
    agent::request_stop(record_);
    record_.hurry |= hurry;
  }
  pull_stop_.request();
  save();
  wake();
}

void Worker::mark_forget() {
  {
    const std::lock_guard lock(mutex_);
    record_.forget = true;
  }
  save();
}

// One save at a time, each of the newest state: an older one never overwrites it.
void Worker::save() {
  const std::lock_guard one(save_mutex_);
  const TaskRecord copy = snapshot();
  store_.write([&](store::Writer& db) { task_records.put(db, copy.spec.arn, copy); });
}

TaskHandle Worker::handle() {
  return {[shared = shared_] {
            const std::lock_guard lock(shared->mutex);
            return shared->record;
          },
          [shared = shared_] { shared->wakeup.notify(); }};
}

void Worker::run() {
  try {
    runtime_.adopt(snapshot(), handle());
    loop();
  } catch (const std::exception& e) {
    log::error("agent", "task {}: {}", task_id_, e.what());
  }
  pull_stop_.request();
  pulls_.clear();
}

Observed Worker::observe() {
  const TaskRecord record = snapshot();
  Observed seen;
  seen.prepared = prepared_;
  seen.released = released_;
  // Read first: an image noted by a pull that ends in between is then seen by plan().
  seen.pulling = pulling_.load() > 0;
  seen.logs_drained = runtime_.logs_drained(record);
  for (size_t i = 0; i < record.containers.size(); ++i)
    seen.containers.push_back(runtime_.look(record, i));
  return seen;
}

void Worker::loop() {
  std::vector<Action> last;
  std::string shown;
  while (!stop_.requested()) {
    shared_->wakeup.drain();
    const Observed seen = observe();
    Plan next;
    std::string now_shown;
    {
      const std::lock_guard lock(mutex_);
      next = plan(record_, seen, clock_.now());
      record_ = next.next;
      now_shown = Json(record_).dump();
    }
    if (next.save) save();
    const bool moved = now_shown != shown;
    shown = std::move(now_shown);
    if (moved) changed_();
    if (next.next.status.last_status == "STOPPED") return;
    const bool stuck = !moved && same(next.actions, last);
    last = next.actions;
    if (next.actions.empty()) {
      wait(next.wake_at, look_again);
      continue;
    }
    if (stuck) wait(std::nullopt, retry_after);
    if (!carry_out(next.actions)) {
      last.clear();
      wait(std::nullopt, retry_after);
    }
  }
}

void Worker::wait(const std::optional<TimePoint>& until, milliseconds at_most) {
  microseconds time = at_most;
  if (until) time = std::clamp(*until - clock_.now(), microseconds(0), time);
  wait_readable(shared_->wakeup.fd(), stop_, std::chrono::steady_clock::now() + time);
}

// False when something failed that is to be tried again later.
bool Worker::carry_out(const std::vector<Action>& actions) {
  for (const auto& action : actions) {
    if (stop_.requested()) return true;
    const auto began = std::chrono::steady_clock::now();
    try {
      carry_out(action);
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - began;
      log::debug("agent", "task {}: {} {} took {:.1f} ms", task_id_, to_string(action.what),
                 action.container, took.count());
    } catch (const Error& e) {
      if (stop_.requested() && e.kind() == Kind::cancelled) return true;
      return !note_failure(action, e.what());
    }
  }
  return true;
}

void Worker::carry_out(const Action& action) {
  const TaskRecord record = snapshot();
  switch (action.what) {
    case Do::prepare:
      runtime_.prepare(record, handle());
      prepared_ = true;
      return;
    case Do::pull:
      return begin_pull();
    case Do::create:
      return runtime_.create(record, action.container);
    case Do::start: {
      auto stream = runtime_.start(record, action.container, handle());
      const std::lock_guard lock(mutex_);
      record_.containers[action.container].log_stream = std::move(stream);
      return;
    }
    case Do::signal:
      return runtime_.signal(record, action.container);
    case Do::kill:
      return runtime_.kill(record, action.container);
    case Do::release:
      pulls_.clear();  // joins: none may create anything after this
      runtime_.release(record);
      released_ = true;
      return;
  }
}

// True when the action is to be tried again; else the failure has become part of the record.
bool Worker::note_failure(const Action& action, const std::string& reason) {
  log::warning("agent", "task {}: {}: {}", task_id_, to_string(action.what), reason);
  const std::lock_guard lock(mutex_);
  switch (action.what) {
    case Do::prepare:
      // A task that runs already (found again after a restart) is not stopped for this: tried
      // again.
      if (record_.status.started_at) return true;
      fail_task(record_, reason, clock_.now());
      return false;
    case Do::create:
    case Do::start:
      fail_container(record_, action.container, reason, clock_.now());
      return false;
    case Do::pull:
    case Do::signal:
    case Do::kill:
    case Do::release:
      return true;
  }
  return true;
}

void Worker::begin_pull() {
  std::set<std::string> images;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& container : record_.containers) {
      if (container.image_id.empty() && container.status.last_status != "STOPPED")
        images.insert(container.status.image);
    }
  }
  pulls_.clear();
  pulling_ = static_cast<int>(images.size());
  for (const auto& image : images) pulls_.emplace_back([this, image] { pull_one(image); });
}

void Worker::pull_one(const std::string& image) {
  const Finally done([this] {
    --pulling_;
    wake();
  });
  TaskRuntime::Pulled pulled;
  std::string failure;
  try {
    pulled = runtime_.pull(image, pull_stop_);
  } catch (const std::exception& e) {
    failure = e.what();
  }
  if (pull_stop_.requested()) return;
  if (!failure.empty()) log::warning("agent", "{}", failure);
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < record_.containers.size(); ++i) {
    auto& container = record_.containers[i];
    if (container.status.image != image || !container.image_id.empty()) continue;
    container.image_id = pulled.image_id;
    container.status.image_digest = pulled.digest;
    if (!failure.empty()) fail_container(record_, i, failure, clock_.now());
  }
}

}  // namespace slipway::agent

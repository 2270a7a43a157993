// Agent: the tasks' workers, and waiting for any of them to change.
#include "agent/agent.h"

#include "agent/engine_runtime.h"
#include "agent/worker.h"
#include "base/error.h"
#include "base/log.h"

namespace slipway::agent {

struct Agent::Impl {
  Impl(Options options, store::Store& db, container::Engine& containers, image::Images& images,
       registry::Client& registry, Clock& time, Hooks hooks)
      : store(db),
        engine(containers),
        clock(time),
        runtime(std::move(options), db, containers, images, registry, std::move(hooks)) {}

  store::Store& store;
  container::Engine& engine;
  Clock& clock;
  EngineRuntime runtime;
  const Stop stop;

  mutable std::mutex mutex;                                // guards what follows
  std::map<std::string, std::shared_ptr<Worker>> workers;  // by task ARN
  uint64_t changes = 1;
  std::set<const Wakeup*> waiting;
  std::mutex start_mutex;  // one start_task at a time: two for one ARN make one record
  std::jthread watcher;

  void changed();
  void watch();
  void adopt(TaskRecord record);
  std::shared_ptr<Worker> find(const std::string& arn) const;
  std::vector<std::shared_ptr<Worker>> all() const;
};

void Agent::Impl::changed() {
  const std::lock_guard lock(mutex);
  ++changes;
  for (const auto* wakeup : waiting) wakeup->notify();
}

std::shared_ptr<Worker> Agent::Impl::find(const std::string& arn) const {
  const std::lock_guard lock(mutex);
  const auto found = workers.find(arn);
  return found == workers.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Worker>> Agent::Impl::all() const {
  const std::lock_guard lock(mutex);
  std::vector<std::shared_ptr<Worker>> out;
  for (const auto& [arn, worker] : workers) out.push_back(worker);
  return out;
}

// Container events wake the task they belong to. Missing one costs time, not correctness.
void Agent::Impl::watch() {
  uint64_t cursor = 0;
  while (!stop.requested()) {
    const auto events = engine.events(cursor, stop, SteadyTime::max());
    std::set<std::string> ids;
    for (const auto& event : events) {
      if (event.type == "container") ids.insert(event.id);
    }
    if (ids.empty()) continue;
    for (const auto& worker : all()) {
      const auto record = worker->snapshot();
      const bool concerned = std::any_of(
          record.containers.begin(), record.containers.end(),
          [&](const auto& c) { return c.engine_id.empty() || ids.contains(c.engine_id); });
      if (concerned) worker->wake();
    }
  }
}

void Agent::Impl::adopt(TaskRecord record) {
  const auto arn = record.spec.arn;
  const bool ended = record.status.last_status == "STOPPED";
  auto worker =
      std::make_shared<Worker>(std::move(record), runtime, store, clock, [this] { changed(); });
  {
    const std::lock_guard lock(mutex);
    if (!workers.emplace(arn, worker).second) return;
  }
  if (!ended) worker->begin();
}

Agent::Agent(Options options, store::Store& store, container::Engine& engine, image::Images& images,
             registry::Client& registry, Clock& clock, Hooks hooks)
    : impl_(std::make_unique<Impl>(std::move(options), store, engine, images, registry, clock,
                                   std::move(hooks))) {
  impl_->watcher = std::jthread([impl = impl_.get()] {
    try {
      impl->watch();
    } catch (const std::exception& e) {
      log::error("agent", "watching container events: {}", e.what());
    }
  });
}

Agent::~Agent() {
  impl_->stop.request();
  impl_->watcher.join();
  // The workers' threads use the rest of Impl: they end first, without the lock they may want.
  for (auto& worker : impl_->all()) worker->end();
}

void Agent::recover() {
  std::vector<TaskRecord> records;
  impl_->store.read([&](const store::Reader& db) {
    for (const auto& record : task_records.scan(db)) records.push_back(*record);
  });
  std::set<std::string> keep;
  for (const auto& record : records) {
    if (record.status.last_status != "STOPPED") keep.insert(record.spec.id);
  }
  impl_->runtime.restore(keep);
  for (auto& record : records) {
    if (record.forget && record.status.last_status == "STOPPED") {
      impl_->store.write([&](store::Writer& db) { task_records.erase(db, record.spec.arn); });
    } else {
      impl_->adopt(std::move(record));
    }
  }
  impl_->changed();
}

void Agent::tear_down() {
  const auto workers = impl_->all();
  for (const auto& worker : workers) worker->request_stop(true);
  const auto deadline = std::chrono::steady_clock::now() + seconds(30);
  uint64_t seen = 0;
  auto left = [&] {
    return std::count_if(workers.begin(), workers.end(),
                         [](const auto& worker) { return !worker->ended(); });
  };
  while (left() > 0 && std::chrono::steady_clock::now() < deadline)
    seen = wait_for_change(seen, impl_->stop, deadline);
  if (left() > 0) log::error("agent", "{} tasks did not end in time", left());
  for (const auto& worker : workers) worker->end();
  impl_->runtime.tear_down();
}

void Agent::start_task(const TaskSpec& task) {
  const std::lock_guard one(impl_->start_mutex);
  if (impl_->find(task.arn)) return;
  auto record = make_record(task);
  impl_->store.write([&](store::Writer& db) {
    if (!task_records.get(db, task.arn)) task_records.put(db, task.arn, record);
  });
  impl_->adopt(std::move(record));
  impl_->changed();
}

void Agent::stop_task(const std::string& arn) {
  if (const auto worker = impl_->find(arn)) worker->request_stop(false);
}

void Agent::forget_task(const std::string& arn) {
  const auto worker = impl_->find(arn);
  if (!worker) return;
  if (!worker->ended()) {
    worker->mark_forget();
    return;
  }
  worker->end();
  impl_->store.write([&](store::Writer& db) { task_records.erase(db, arn); });
  const std::lock_guard lock(impl_->mutex);
  impl_->workers.erase(arn);
}

std::optional<TaskStatus> Agent::status(const std::string& arn) const {
  const auto worker = impl_->find(arn);
  if (!worker) return std::nullopt;
  return public_status(worker->snapshot());
}

std::vector<TaskStatus> Agent::list() const {
  std::vector<TaskStatus> out;
  for (const auto& worker : impl_->all()) out.push_back(public_status(worker->snapshot()));
  return out;
}

uint64_t Agent::wait_for_change(uint64_t after, const Stop& stop, SteadyTime deadline) const {
  const Wakeup wakeup;
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->changes > after) return impl_->changes;
    impl_->waiting.insert(&wakeup);
  }
  const Finally leave([&] {
    const std::lock_guard lock(impl_->mutex);
    impl_->waiting.erase(&wakeup);
  });
  for (;;) {
    const Ready ready = wait_readable(wakeup.fd(), stop, deadline);
    wakeup.drain();
    {
      const std::lock_guard lock(impl_->mutex);
      if (impl_->changes > after) return impl_->changes;
    }
    if (ready != Ready::yes) return after;
  }
}

}  // namespace slipway::agent

// Writers run one at a time on a private copy of the newest (perhaps not yet durable) state; the
// committer makes what they queued durable in batches and only then shows it to readers.
#include "store/engine.h"

#include "base/error.h"
#include "base/log.h"

namespace slipway::store {

namespace {

class View : public Writer {
 public:
  explicit View(Snapshot base) : base_(std::move(base)), state_(base_.get()) {}

  std::optional<Row> get(std::string_view table, std::string_view key) const override {
    const Row* row = find(table, key);
    return row ? std::optional<Row>(*row) : std::nullopt;
  }

  std::vector<Row> scan(std::string_view table, std::string_view prefix, std::string_view after,
                        size_t limit) const override {
    std::vector<Row> out;
    const auto found = state_->tables.find(table);
    if (found == state_->tables.end()) return out;
    const bool exclusive = !after.empty() && after >= prefix;
    tree_visit(found->second, exclusive ? after : prefix, exclusive, [&](const Row& row) {
      if (!std::string_view(row.key).starts_with(prefix)) return false;
      out.push_back(row);
      return limit == 0 || out.size() < limit;
    });
    return out;
  }

  void put(std::string_view table, std::string_view key, std::string value) override {
    const Row* old = find(table, key);
    if (old && *old->value == value) return;
    auto row = std::make_shared<Row>();
    row->key = key;
    row->version = base_->revision + 1;
    row->value = std::make_shared<const std::string>(std::move(value));
    row->decoded = std::make_shared<std::shared_ptr<const void>>();
    changes_[RowId(table, key)] = row->value;
    Tree& tree = own().tables[std::string(table)];
    tree = tree_insert(tree, std::move(row));
  }

  void put_if(std::string_view table, std::string_view key, std::string value,
              uint64_t expected) override {
    const Row* old = find(table, key);
    const uint64_t version = old ? old->version : 0;
    if (version != expected)
      throw conflict("{} '{}' is at version {}, not {}", table, key, version, expected);
    put(table, key, std::move(value));
  }

  bool erase(std::string_view table, std::string_view key) override {
    if (!find(table, key)) return false;
    changes_[RowId(table, key)] = nullptr;
    Tree& tree = own().tables[std::string(table)];
    tree = tree_erase(tree, key);
    return true;
  }

  std::map<RowId, std::shared_ptr<const std::string>>& changes() { return changes_; }
  Snapshot result() {
    own().revision = base_->revision + 1;
    return own_;
  }

 private:
  const Row* find(std::string_view table, std::string_view key) const {
    const auto found = state_->tables.find(table);
    return found == state_->tables.end() ? nullptr : tree_find(found->second, key);
  }
  State& own() {
    if (!own_) {
      own_ = std::make_shared<State>(*base_);
      state_ = own_.get();
    }
    return *own_;
  }

  Snapshot base_;
  std::shared_ptr<State> own_;
  const State* state_;
  std::map<RowId, std::shared_ptr<const std::string>> changes_;
};

constexpr size_t kMaxBatch = 256;

}  // namespace

Engine::Engine(Snapshot initial, std::unique_ptr<Backend> backend)
    : backend_(std::move(backend)), committed_(std::move(initial)), head_(committed_) {
  if (backend_) committer_ = std::thread([this] { commit_loop(); });
}

Engine::~Engine() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (committer_.joinable()) committer_.join();
}

void Engine::read(const std::function<void(const Reader&)>& fn) const {
  Snapshot snapshot;
  {
    const std::lock_guard lock(mutex_);
    snapshot = committed_;
  }
  fn(View(std::move(snapshot)));
}

uint64_t Engine::write(const std::function<void(Writer&)>& fn) {
  if (writing_thread_.load() == std::this_thread::get_id())
    throw internal("store: write() called inside a write()");
  std::unique_lock turn(writers_);
  for (;;) {
    Snapshot base;
    PendingPtr predecessor;
    uint64_t lost = 0;
    {
      const std::lock_guard lock(mutex_);
      base = head_;
      predecessor = last_;
      lost = lost_;
    }
    View view(base);
    try {
      writing_thread_ = std::this_thread::get_id();
      const Finally leave([this] { writing_thread_ = std::thread::id(); });
      fn(view);
    } catch (...) {
      // The refusal may rest on a predecessor that is not durable yet.
      const auto refusal = std::current_exception();
      turn.unlock();
      settle(predecessor);
      std::rethrow_exception(refusal);
    }
    if (view.changes().empty()) {
      turn.unlock();
      settle(predecessor);
      return base->revision;
    }
    auto pending = std::make_shared<Pending>();
    pending->commit = {base->revision + 1, std::move(view.changes())};
    pending->state = view.result();
    if (!enqueue(pending, lost)) continue;  // what it was built on is gone: run again
    turn.unlock();
    settle(pending);
    return pending->commit.revision;
  }
}

// False when queued commits were given up since the caller looked.
bool Engine::enqueue(const PendingPtr& pending, uint64_t lost) {
  {
    const std::lock_guard lock(mutex_);
    if (lost != lost_) return false;
    head_ = pending->state;
    if (backend_) {
      last_ = pending;
      queue_.push_back(pending);
    } else {
      pending->outcome = Pending::durable;
      ++stats_.transactions;
      publish(pending->state);
    }
  }
  changed_.notify_all();
  return true;
}

// Waits until the commit is durable, or throws.
void Engine::settle(const PendingPtr& pending) {
  if (!pending) return;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return pending->outcome != Pending::queued; });
  if (pending->outcome == Pending::failed)
    throw unavailable("the state could not be saved: {}", pending->error);
}

void Engine::commit_loop() {
  for (;;) {
    std::vector<PendingPtr> batch;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ending_ || !queue_.empty(); });
      if (queue_.empty()) return;
      while (!queue_.empty() && batch.size() < kMaxBatch) {
        batch.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    commit_batch(batch);
    changed_.notify_all();
  }
}

void Engine::commit_batch(const std::vector<PendingPtr>& batch) {
  std::string error;
  try {
    std::vector<const Commit*> commits;
    for (const auto& pending : batch) commits.push_back(&pending->commit);
    backend_->append(commits);
  } catch (const std::exception& e) {
    error = e.what();
    if (error.empty()) error = "unknown error";
    log::error("store", "{} transactions lost: {}", batch.size(), error);
  }
  const std::lock_guard lock(mutex_);
  if (error.empty()) {
    for (const auto& pending : batch) pending->outcome = Pending::durable;
    stats_.transactions += batch.size();
    ++stats_.disk_commits;
    if (last_ == batch.back()) last_ = nullptr;
    publish(batch.back()->state);
    return;
  }
  // All that is queued was built on what has just been lost.
  auto lose = [&](const PendingPtr& pending) {
    pending->outcome = Pending::failed;
    pending->error = error;
  };
  for (const auto& pending : batch) lose(pending);
  for (const auto& pending : queue_) lose(pending);
  queue_.clear();
  head_ = committed_;
  last_ = nullptr;
  ++lost_;
}

// With mutex_ held.
void Engine::publish(const Snapshot& state) {
  committed_ = state;
  for (const Wakeup* waiter : waiters_) waiter->notify();
}

uint64_t Engine::revision() const {
  const std::lock_guard lock(mutex_);
  return committed_->revision;
}

Stats Engine::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

uint64_t Engine::wait_for_change(uint64_t after, const Stop& stop, SteadyTime deadline) const {
  const Wakeup wakeup;
  {
    const std::lock_guard lock(mutex_);
    if (committed_->revision > after) return committed_->revision;
    waiters_.insert(&wakeup);
  }
  const Finally leave([&] {
    const std::lock_guard lock(mutex_);
    waiters_.erase(&wakeup);
  });
  for (;;) {
    const Ready ready = wait_readable(wakeup.fd(), stop, deadline);
    wakeup.drain();
    const uint64_t now = revision();
    if (now > after) return now;
    if (ready != Ready::yes) return after;
  }
}

std::unique_ptr<Store> open_memory() {
  return std::make_unique<Engine>(std::make_shared<State>(), nullptr);
}

}  // namespace slipway::store

// The part of a Store that every backend shares: snapshots in memory, the order of writers, group
// commit, the change feed. A Backend makes batches of commits durable and knows nothing else.
#pragma once
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "store/store.h"
#include "store/tree.h"

namespace slipway::store {

// One consistent state of all tables. Immutable once shared.
struct State {
  uint64_t revision = 0;
  std::map<std::string, Tree, std::less<>> tables;
};
using Snapshot = std::shared_ptr<const State>;

using RowId = std::pair<std::string, std::string>;  // table, key
struct Commit {
  uint64_t revision = 0;
  std::map<RowId, std::shared_ptr<const std::string>> changes;  // null: erased
};

class Backend {
 public:
  virtual ~Backend() = default;
  // Makes all commits durable, in order, or throws and leaves none of them behind. Called by one
  // thread.
  virtual void append(const std::vector<const Commit*>& commits) = 0;
};

class Engine final : public Store {
 public:
  // backend null: memory only.
  Engine(Snapshot initial, std::unique_ptr<Backend> backend);
  ~Engine() override;

  void read(const std::function<void(const Reader&)>& fn) const override;
  uint64_t write(const std::function<void(Writer&)>& fn) override;
  uint64_t revision() const override;
  uint64_t wait_for_change(uint64_t after, const Stop& stop, SteadyTime deadline) const override;
  Stats stats() const override;

 private:
  struct Pending {
    Commit commit;
    Snapshot state;
    enum { queued, durable, failed } outcome = queued;
    std::string error;
  };
  using PendingPtr = std::shared_ptr<Pending>;

  bool enqueue(const PendingPtr& pending, uint64_t lost);
  void settle(const PendingPtr& pending);
  void commit_loop();
  void commit_batch(const std::vector<PendingPtr>& batch);
  void publish(const Snapshot& state);

  std::unique_ptr<Backend> backend_;
  std::mutex writers_;                             // held while a callback runs
  std::atomic<std::thread::id> writing_thread_{};  // its owner, to refuse a write inside a write

  mutable std::mutex mutex_;  // guards all below; never held across a callback or I/O
  mutable std::condition_variable changed_;
  Snapshot committed_;
  Snapshot head_;    // committed_ and all that is queued
  PendingPtr last_;  // the queued commit that made head_; null when head_ is committed
  std::deque<PendingPtr> queue_;
  uint64_t lost_ = 0;  // how often queued commits were given up
  bool ending_ = false;
  Stats stats_;
  mutable std::set<const Wakeup*> waiters_;

  std::thread committer_;
};

}  // namespace slipway::store

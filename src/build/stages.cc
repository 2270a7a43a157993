#include "build/stages.h"

#include "base/error.h"

namespace slipway::build {

namespace {
constexpr int kMostAlive = 32;
}

Stages::~Stages() {
  if (!running_.empty()) job_.stop.request();
}

StageResult Stages::run(size_t index) {
  const FindStage find = [this, index](const std::string& name) -> std::optional<StageResult> {
    const auto wanted = plan_.find(name, index);
    if (!wanted) return std::nullopt;
    const auto result = start(*wanted);
    try {
      return result.get();
    } catch (const std::exception&) {  // said where it happened, not again here
      throw Error(Kind::cancelled, "another stage failed");
    }
  };
  StageBuilder stage(job_, find, static_cast<int>(index), plan_.first_step(index));
  return stage.build(file_.stages[index]);
}

// A stage only waits for earlier ones, so whatever is alive can go on.
std::shared_future<StageResult> Stages::start(size_t index) {
  const std::lock_guard lock(mutex_);
  if (const auto at = running_.find(index); at != running_.end()) return at->second.result;
  auto promise = std::make_shared<std::promise<StageResult>>();
  auto& entry = running_[index];
  entry.result = promise->get_future().share();
  ++alive_;
  entry.thread = std::jthread([this, index, promise] {
    try {
      promise->set_value(run(index));
    } catch (...) {
      {
        const std::lock_guard failing(mutex_);
        if (!first_failure_) first_failure_ = std::current_exception();
      }
      job_.stop.request();
      promise->set_exception(std::current_exception());
    }
    const std::lock_guard ending(mutex_);
    --alive_;
    ended_.notify_all();
  });
  return entry.result;
}

void Stages::limit_running() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return alive_ < kMostAlive; });
}

StageResult Stages::build(size_t target) {
  for (size_t i = 0; i <= target; ++i) {
    if (!plan_.needed(i)) continue;
    limit_running();
    start(i);
  }
  std::map<size_t, Running> all;
  {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return alive_ == 0; });
    all = std::move(running_);
    running_.clear();
  }
  if (first_failure_) std::rethrow_exception(first_failure_);
  return all.at(target).result.get();
}

}  // namespace slipway::build

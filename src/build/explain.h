// Why a step was not taken from the cache: what went into it, beside what went into it the last
// time the same thing was built. Used by all stages of one build. Thread-safe.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/sync.h"
#include "store/store.h"

namespace slipway::build {

// What a step depends on, by a name that people know: "command", "file src/a.js", "ENV PATH".
// Values are texts or checksums; of variables only checksums, they may be private.
using Parts = std::vector<std::pair<std::string, std::string>>;
std::string short_sum(std::string_view value);

struct ExplainedStep {
  std::string text, key;
  Parts parts;
};

// "the command changed: 'a' was 'b'; file x is new": pure. before: the stage's steps of last time.
std::string why_missed(const std::vector<ExplainedStep>& before, size_t index,
                       const ExplainedStep& now);

class Explainer {
 public:
  // scope: what is being built (an image's name), so that other builds are not compared with.
  Explainer(store::Store& store, std::string scope) : store_(store), scope_(std::move(scope)) {}
  std::string why(const std::string& stage, size_t index, const ExplainedStep& now) const;
  // The key that the same instruction had the last time; "": it is new.
  std::string last_key(const std::string& stage, size_t index, const std::string& text) const;
  void note(const std::string& stage, size_t index, ExplainedStep step);
  void flush();  // keeps what was noted for the next time

 private:
  std::vector<ExplainedStep> last(const std::string& stage) const;
  store::Store& store_;
  std::string scope_;
  Sync<std::map<std::string, std::map<size_t, ExplainedStep>>> noted_;
};

}  // namespace slipway::build

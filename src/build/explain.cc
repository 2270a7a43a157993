#include "build/explain.h"

#include "base/strings.h"
#include "codec/hash.h"
#include "store/table.h"

namespace slipway::build {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ExplainedStep, text, key, parts)

namespace {

struct StageRecord {
  std::vector<ExplainedStep> steps;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(StageRecord, steps)

const store::Table<StageRecord> explain_table("build_explain");
constexpr size_t kMostParts = 5000, kMostNamed = 4, kMostStages = 2000;

bool shows_values(std::string_view name) {
  return !name.starts_with("file ") && !name.starts_with("ENV ") && !name.starts_with("ARG ") &&
         name != "layers";
}

std::string shortened(const std::string& text) {
  return text.size() <= 80 ? text : text.substr(0, 77) + "...";
}

std::string difference(const std::string& name, const std::string* before, const std::string* now) {
  if (name == "layers") return "an earlier step gave another result";
  if (before == nullptr) return name + " is new";
  if (now == nullptr) return name + " is gone";
  if (!shows_values(name)) return name + " changed";
  return fmt::format("{} changed: '{}' was '{}'", name, shortened(*now), shortened(*before));
}

const std::string* value_of(const std::map<std::string, std::string>& parts,
                            const std::string& name) {
  const auto at = parts.find(name);
  return at == parts.end() ? nullptr : &at->second;
}

// The step of last time that this one is to be compared with: the same instruction, the nearest.
const ExplainedStep* counterpart(const std::vector<ExplainedStep>& before, size_t index,
                                 const std::string& text) {
  const ExplainedStep* best = nullptr;
  size_t distance = SIZE_MAX;
  for (size_t i = 0; i < before.size(); ++i) {
    const size_t away = i > index ? i - index : index - i;
    if (before[i].text != text || away >= distance) continue;
    best = &before[i];
    distance = away;
  }
  return best;
}

std::string row_key(const std::string& scope, const std::string& stage) {
  return short_sum(scope) + "/" + stage;
}

}  // namespace

std::string short_sum(std::string_view value) {
  return sha256_hex(value).substr(0, 16);
}

std::string why_missed(const std::vector<ExplainedStep>& before, size_t index,
                       const ExplainedStep& now) {
  if (before.empty()) return "never built here before";
  const ExplainedStep* same = counterpart(before, index, now.text);
  if (same == nullptr) {
    if (index >= before.size()) return "the instruction is new";
    return fmt::format("the instruction is new or changed: here was '{}'",
                       shortened(before[index].text));
  }
  const std::map<std::string, std::string> old_parts(same->parts.begin(), same->parts.end());
  const std::map<std::string, std::string> new_parts(now.parts.begin(), now.parts.end());
  std::set<std::string> names;
  for (const auto& [name, value] : old_parts) names.insert(name);
  for (const auto& [name, value] : new_parts) names.insert(name);
  std::vector<std::string> found;
  size_t more = 0;
  bool layers = false;
  for (const auto& name : names) {
    const auto* old_value = value_of(old_parts, name);
    const auto* new_value = value_of(new_parts, name);
    if (old_value != nullptr && new_value != nullptr && *old_value == *new_value) continue;
    if (name == "layers") {
      layers = true;
    } else if (found.size() < kMostNamed) {
      found.push_back(difference(name, old_value, new_value));
    } else {
      ++more;
    }
  }
  if (layers) found.push_back(difference("layers", nullptr, nullptr));
  if (found.empty()) return "nothing changed, but its result is no longer in the cache";
  return join(found, "; ") + (more > 0 ? fmt::format("; and {} more", more) : "");
}

std::vector<ExplainedStep> Explainer::last(const std::string& stage) const {
  std::shared_ptr<const StageRecord> row;
  store_.read(
      [&](const store::Reader& db) { row = explain_table.get(db, row_key(scope_, stage)); });
  return row ? row->steps : std::vector<ExplainedStep>{};
}

std::string Explainer::why(const std::string& stage, size_t index, const ExplainedStep& now) const {
  return why_missed(last(stage), index, now);
}

std::string Explainer::last_key(const std::string& stage, size_t index,
                                const std::string& text) const {
  const auto before = last(stage);
  const ExplainedStep* same = counterpart(before, index, text);
  return same == nullptr ? "" : same->key;
}

void Explainer::note(const std::string& stage, size_t index, ExplainedStep step) {
  if (step.parts.size() > kMostParts) step.parts.resize(kMostParts);
  (*noted_.lock())[stage][index] = std::move(step);
}

void Explainer::flush() {
  std::map<std::string, StageRecord> changed;
  const auto noted = std::exchange(*noted_.lock(), {});
  for (const auto& [stage, steps] : noted) {
    auto known = last(stage);
    bool differs = false;
    for (const auto& [index, step] : steps) {
      if (known.size() <= index) known.resize(index + 1);
      if (known[index].key == step.key && known[index].text == step.text) continue;
      known[index] = step;
      differs = true;
    }
    if (differs) changed[row_key(scope_, stage)].steps = std::move(known);
  }
  if (changed.empty()) return;
  store_.write([&](store::Writer& db) {
    if (db.scan(explain_table.name()).size() > kMostStages) {
      for (const auto& row : db.scan(explain_table.name())) explain_table.erase(db, row.key);
    }
    for (const auto& [key, record] : changed) explain_table.put(db, key, record);
  });
}

}  // namespace slipway::build

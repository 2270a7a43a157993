#include "build/progress.h"

#include <fmt/format.h>

namespace slipway::build {

namespace {
constexpr size_t kMostHeld = 4u << 20;
}

void ClassicText::say(int stage, const std::string& text) {
  if (shown_ == -1 && !held_.contains(stage)) shown_ = stage;
  if (stage == shown_) return output_(text);
  auto& held = held_[stage].text;
  held += text;
  // The start of a very long output is dropped: its end says what went wrong.
  if (held.size() > 2 * kMostHeld) held.replace(0, held.size() - kMostHeld, "[...]\n");
}

void ClassicText::advance() {
  shown_ = -1;
  while (!held_.empty()) {
    const auto next = held_.begin();
    const Held held = std::move(next->second);
    const int stage = next->first;
    held_.erase(next);
    if (!held.text.empty()) output_(held.text);
    if (held.done) continue;
    shown_ = stage;
    return;
  }
}

void ClassicText::flush() {
  const auto at = held_.find(failed_);
  if (at != held_.end() && !at->second.text.empty()) output_(at->second.text);
  held_.clear();
}

void ClassicText::operator()(const Event& event) {
  using Kind = Event::Kind;
  switch (event.kind) {
    case Kind::begin:
      steps_ = event.steps;
      for (const int stage : event.stages) held_[stage];
      return advance();
    case Kind::step:
      if (event.trigger)
        return say(event.stage, "# Executing build trigger : " + event.text + "\n");
      return say(event.stage, fmt::format("Step {}/{} : {}\n", event.number, steps_, event.text));
    case Kind::note:
    case Kind::output:
      return say(event.stage, event.text);
    case Kind::failed:
      if (failed_ == -1) failed_ = event.stage;
      return;
    case Kind::stage_done:
      if (event.stage == shown_) return advance();
      held_[event.stage].done = true;
      return;
    case Kind::message:
      return output_(event.text);
    case Kind::done:
      return;
  }
}

}  // namespace slipway::build

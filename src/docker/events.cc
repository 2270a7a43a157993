// GET /events: what happened since, and what happens, as it happens. The last few thousand are
// kept.
#include "base/error.h"
#include "base/strings.h"
#include "container/engine.h"
#include "docker/filters.h"
#include "docker/handlers.h"
#include "docker/times.h"

namespace slipway::docker {
namespace {

using container::Event;

std::string attribute_of(const Event& event, const char* name) {
  const auto it = event.attributes.find(name);
  return it == event.attributes.end() ? std::string() : it->second;
}

// "exec_start" stands for "exec_start: sh -c ...", "health_status" for each of its states.
bool wants_action(const Filters& filters, const std::string& action) {
  if (filters.allows("event", action)) return true;
  const size_t colon = action.find(':');
  return colon != std::string::npos && filters.allows("event", action.substr(0, colon));
}

// --filter container=, network= and volume= name the thing itself, by its id or its name, and also
// the container that a network's event is about.
bool wants_thing(const Filters& filters, const char* type, const Event& event) {
  if (!filters.has(type)) return true;
  const auto& names = filters.values(type);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    if (name.empty()) return false;
    if (event.type == type)
      return event.id == name || attribute_of(event, "name") == name ||
             (name.size() >= 4 && event.id.starts_with(name));
    return attribute_of(event, type) == name;
  });
}

// --filter image=busybox also finds busybox:latest, as the image's own or as a container's.
bool wants_image(const Filters& filters, const Event& event) {
  if (!filters.has("image")) return true;
  const std::string image =
      event.type == "image" ? attribute_of(event, "name") : attribute_of(event, "image");
  const size_t slash = image.rfind('/'), colon = image.rfind(':');
  const bool tagged = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  return filters.allows("image", image) ||
         (event.type == "image" && filters.allows("image", event.id)) ||
         (tagged && filters.allows("image", image.substr(0, colon)));
}

bool wanted(const Event& event, const Filters& filters) {
  return filters.allows("type", event.type) && wants_action(filters, event.action) &&
         filters.allows("scope", "local") && !filters.has("node") &&
         filters.allows_labels(event.attributes) && wants_image(filters, event) &&
         wants_thing(filters, "container", event) && wants_thing(filters, "network", event) &&
         wants_thing(filters, "volume", event) && wants_thing(filters, "daemon", event) &&
         wants_thing(filters, "plugin", event);
}

Json event_json(const Event& event) {
  const auto micros = event.time.time_since_epoch().count();
  Json out = {{"Type", event.type},
              {"Action", event.action},
              {"Actor", {{"ID", event.id}, {"Attributes", event.attributes}}},
              {"scope", "local"},
              {"time", micros / 1'000'000},
              {"timeNano", micros * 1000}};
  if (event.type == "container" || event.type == "image") {
    out["status"] = event.action;
    out["id"] = event.id;
  }
  if (event.type == "container" && event.attributes.contains("image"))
    out["from"] = attribute_of(event, "image");
  return out;
}

}  // namespace

void events(Call& call) {
  const auto filters = Filters::parse(
      call.text("filters"), {"type", "event", "container", "image", "label", "network", "volume",
                             "daemon", "scope", "node", "plugin"});
  const auto since = parse_unix_time(call.text("since"));
  const auto until = parse_unix_time(call.text("until"));
  if (since && until && *until < *since)
    throw invalid_argument("`since` time ({}) cannot be after `until` time ({})",
                           call.text("since"), call.text("until"));
  const auto now = call.deps.clock.now();
  auto deadline = SteadyTime::max();
  if (until) deadline = std::chrono::steady_clock::now() + std::max(microseconds(0), *until - now);
  JsonLines out(call);
  auto& engine = call.deps.engine;
  const auto& stop = call.exchange.stop();
  uint64_t cursor = since ? engine.events_since(*since) : 0;
  if (!since) engine.events(cursor, stop, std::chrono::steady_clock::now());  // from here on
  out.begin();
  for (bool past = since.has_value();; past = false) {
    // What is kept already is there at once, also when `until` is over.
    if (!past && (stop.requested() || std::chrono::steady_clock::now() >= deadline)) break;
    for (const auto& event :
         engine.events(cursor, stop, past ? std::chrono::steady_clock::now() : deadline)) {
      if (until && event.time > *until) return out.finish();
      if (wanted(event, filters)) out.write(event_json(event));
    }
  }
  out.finish();
}

}  // namespace slipway::docker

// The image configuration blob, to and from JSON. Only members that Slipway acts on are in Config;
// whoever must keep all of a foreign blob keeps its text.
#include "base/error.h"
#include "codec/json.h"
#include "image/image.h"

namespace slipway::image {

namespace {

// A member of the wanted type, or the fallback when it is absent or null.
template <typename T>
T member(const Json& object, const char* name, T fallback = {}) {
  const auto it = object.find(name);
  if (it == object.end() || it->is_null()) return fallback;
  return it->get<T>();
}

std::vector<std::string> strings(const Json& object, const char* name) {
  return member<std::vector<std::string>>(object, name);
}

// {"80/tcp": {}, ...}: Docker writes sets as objects.
std::vector<std::string> set_members(const Json& object, const char* name) {
  std::vector<std::string> out;
  const auto it = object.find(name);
  if (it == object.end() || it->is_null()) return out;
  for (const auto& [key, unused] : it->get_ref<const Json::object_t&>()) out.push_back(key);
  return out;
}

Json set_of(const std::vector<std::string>& names) {
  Json out = Json::object();
  for (const auto& name : names) out[name] = Json::object();
  return out;
}

std::optional<HealthCheck> parse_health(const Json& config) {
  const auto it = config.find("Healthcheck");
  if (it == config.end() || it->is_null()) return std::nullopt;
  HealthCheck out;
  out.test = strings(*it, "Test");
  out.interval_ns = member<int64_t>(*it, "Interval");
  out.timeout_ns = member<int64_t>(*it, "Timeout");
  out.start_period_ns = member<int64_t>(*it, "StartPeriod");
  out.start_interval_ns = member<int64_t>(*it, "StartInterval");
  out.retries = member<int>(*it, "Retries");
  return out;
}

Json health_json(const HealthCheck& check) {
  Json out = Json::object();
  if (!check.test.empty()) out["Test"] = check.test;
  if (check.interval_ns != 0) out["Interval"] = check.interval_ns;
  if (check.timeout_ns != 0) out["Timeout"] = check.timeout_ns;
  if (check.start_period_ns != 0) out["StartPeriod"] = check.start_period_ns;
  if (check.start_interval_ns != 0) out["StartInterval"] = check.start_interval_ns;
  if (check.retries != 0) out["Retries"] = check.retries;
  return out;
}

void parse_process(const Json& config, Config& out) {
  out.user = member<std::string>(config, "User");
  out.working_dir = member<std::string>(config, "WorkingDir");
  out.stop_signal = member<std::string>(config, "StopSignal");
  out.env = strings(config, "Env");
  out.entrypoint = strings(config, "Entrypoint");
  out.cmd = strings(config, "Cmd");
  out.shell = strings(config, "Shell");
  out.on_build = strings(config, "OnBuild");
  out.exposed_ports = set_members(config, "ExposedPorts");
  out.volumes = set_members(config, "Volumes");
  for (auto& [key, value] : member<std::map<std::string, std::string>>(config, "Labels"))
    out.labels.emplace_back(key, value);
  out.health_check = parse_health(config);
}

Json process_json(const Config& config) {
  Json out = Json::object();
  // Docker always writes these four; clients show null for absent ones.
  out["Env"] = config.env.empty() ? Json(nullptr) : Json(config.env);
  out["Cmd"] = config.cmd.empty() ? Json(nullptr) : Json(config.cmd);
  out["Entrypoint"] = config.entrypoint.empty() ? Json(nullptr) : Json(config.entrypoint);
  Json labels = Json::object();
  for (const auto& [key, value] : config.labels) labels[key] = value;
  out["Labels"] = config.labels.empty() ? Json(nullptr) : labels;
  if (!config.user.empty()) out["User"] = config.user;
  if (!config.working_dir.empty()) out["WorkingDir"] = config.working_dir;
  if (!config.stop_signal.empty()) out["StopSignal"] = config.stop_signal;
  if (!config.shell.empty()) out["Shell"] = config.shell;
  if (!config.on_build.empty()) out["OnBuild"] = config.on_build;
  if (!config.exposed_ports.empty()) out["ExposedPorts"] = set_of(config.exposed_ports);
  if (!config.volumes.empty()) out["Volumes"] = set_of(config.volumes);
  if (config.health_check) out["Healthcheck"] = health_json(*config.health_check);
  return out;
}

Json history_json(const Config::History& step) {
  Json out = Json::object();
  if (!step.created.empty()) out["created"] = step.created;
  if (!step.created_by.empty()) out["created_by"] = step.created_by;
  if (!step.comment.empty()) out["comment"] = step.comment;
  if (step.empty_layer) out["empty_layer"] = true;
  return out;
}

Config from_json(const Json& json) {
  if (!json.is_object()) throw invalid_argument("image configuration: not a JSON object");
  Config out;
  out.architecture = member<std::string>(json, "architecture");
  out.os = member<std::string>(json, "os");
  out.created = member<std::string>(json, "created");
  out.author = member<std::string>(json, "author");
  if (const auto it = json.find("config"); it != json.end() && it->is_object())
    parse_process(*it, out);
  if (const auto it = json.find("rootfs"); it != json.end() && it->is_object())
    out.diff_ids = strings(*it, "diff_ids");
  for (const auto& id : out.diff_ids)
    if (!valid_digest(id))
      throw invalid_argument("image configuration: rootfs.diff_ids holds \"{}\", not a digest",
                             id.substr(0, 160));
  out.step_keys = strings(json, "slipway.step.keys");
  for (const auto& step : member<std::vector<Json>>(json, "history")) {
    out.history.push_back(
        {member<std::string>(step, "created"), member<std::string>(step, "created_by"),
         member<std::string>(step, "comment"), member<bool>(step, "empty_layer")});
  }
  return out;
}

}  // namespace

Config Config::parse(std::string_view text) {
  try {
    return from_json(parse_json(text, "image configuration"));
  } catch (const Json::exception& e) {
    throw invalid_argument("image configuration: {}", e.what());
  }
}

std::string Config::to_json() const {
  Json out = Json::object();
  out["architecture"] = architecture;
  out["os"] = os;
  out["config"] = process_json(*this);
  out["rootfs"] = {{"type", "layers"}, {"diff_ids", diff_ids}};
  if (!created.empty()) out["created"] = created;
  if (!author.empty()) out["author"] = author;
  Json steps = Json::array();
  for (const auto& step : history) steps.push_back(history_json(step));
  out["history"] = steps;
  if (!step_keys.empty()) out["slipway.step.keys"] = step_keys;
  // A Dockerfile may hold bytes that are not UTF-8; JSON cannot.
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace slipway::image

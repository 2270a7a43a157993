#include "build/stage.h"

#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "build/mounted_tree.h"
#include "build/step_keys.h"
#include "codec/hash.h"

namespace slipway::build {

namespace {

constexpr const char* default_path =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string short_id(const std::string& digest) {
  return digest.size() > 19 ? digest.substr(digest.find(':') + 1, 12) : digest;
}

std::optional<std::string> get_env(const std::vector<std::string>& env, const std::string& name) {
  for (const auto& entry : env) {
    if (entry.starts_with(name + "=")) return entry.substr(name.size() + 1);
  }
  return std::nullopt;
}

bool predefined_arg(const std::string& name) {
  static const std::set<std::string> names = {"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY",
                                              "ALL_PROXY"};
  return names.contains(to_upper(name));
}

}  // namespace

std::string expand_global(const std::map<std::string, std::string>& args, const std::string& text,
                          int line, char escape) {
  const auto lookup = [&](const std::string& name) -> std::optional<std::string> {
    const auto at = args.find(name);
    return at == args.end() ? std::nullopt : std::optional(at->second);
  };
  try {
    return expand_word(text, lookup, escape);
  } catch (const Error& e) {
    throw DockerfileError(line, e.what());
  }
}

void Job::keep(const std::vector<image::Digest>& diff_ids,
               const std::vector<image::Descriptor>& layers) {
  std::vector<image::Digest> digests = diff_ids;
  for (const auto& layer : layers) digests.push_back(layer.digest);
  pins.push_back(deps.images.pin(std::move(digests)));
}

void StageBuilder::step(const std::string& original) {
  job_.stop.throw_if_requested();
  job_.say(fmt::format("Step {}/{} : {}\n", ++job_.step, job_.steps, original));
}

std::optional<std::string> StageBuilder::variable(const std::string& name) const {
  if (auto value = get_env(config_.env, name)) return value;
  const auto at = args_.find(name);
  if (at != args_.end()) return at->second;
  if (predefined_arg(name)) {
    const auto given = job_.request.build_args.find(name);
    if (given != job_.request.build_args.end()) return given->second;
  }
  return std::nullopt;
}

std::string StageBuilder::expand(const std::string& text) const {
  try {
    return expand_word(
        text, [this](const std::string& name) { return variable(name); }, job_.escape);
  } catch (const Error& e) {
    throw DockerfileError(line_, e.what());
  }
}

std::vector<std::string> StageBuilder::env_with_args() const {
  std::vector<std::string> env = config_.env;
  for (const auto& [name, value] : job_.request.build_args) {
    if (predefined_arg(name) && !get_env(env, name)) env.push_back(name + "=" + value);
  }
  for (const auto& [name, value] : args_) {
    if (!get_env(env, name)) env.push_back(name + "=" + value);
  }
  return env;
}

image::Image StageBuilder::image_named(const std::string& name, bool pull) {
  const auto reference = image::Reference::parse(name);
  if (const auto found = job_.deps.images.find(name); found && !pull) return *found;
  const auto known = job_.request.credentials.find(reference.domain);
  const auto credentials =
      known == job_.request.credentials.end() ? std::nullopt : std::optional(known->second);
  job_.deps.registry.pull(
      reference, credentials, [](const registry::Progress&) {}, job_.stop);
  return job_.deps.images.get(name);
}

std::vector<std::string> StageBuilder::take_base(const std::string& name) {
  if (const StageResult* earlier = find_stage_(name)) {
    config_ = earlier->config;
    layers_ = earlier->layers;
    return {};
  }
  if (name == "scratch") {
    config_.env = {default_path};
    job_.say(" ---> \n");
    return {};
  }
  const auto found = image_named(name, job_.request.pull);
  job_.keep(found.config.diff_ids, found.layers);
  job_.deps.images.unpack(found, job_.stop);
  config_ = found.config;
  layers_ = found.layers;
  job_.say(fmt::format(" ---> {}\n", short_id(found.id)));
  return std::exchange(config_.on_build, {});
}

void StageBuilder::start(const Stage& stage) {
  line_ = stage.line;
  step(stage.original);
  const std::string name =
      expand_global(job_.global_args, stage.from.image, stage.line, job_.escape);
  const std::string platform =
      expand_global(job_.global_args, stage.from.platform, stage.line, job_.escape);
  if (!platform.empty() && platform != "linux/amd64" && platform != "linux") {
    throw DockerfileError(
        stage.line,
        fmt::format("platform {} cannot be built on this machine (linux/amd64)", platform));
  }
  if (name.empty()) throw DockerfileError(stage.line, "base name should not be blank");
  std::vector<std::string> triggers;
  located("FROM", [&] { triggers = take_base(name); });
  last_key_ = sha256_hex("from\n" + join(config_.diff_ids, "\n") + "\n" + config_.to_json());
  for (const auto& trigger : triggers) {
    job_.say("# Executing build trigger\n");
    ++job_.steps;
    run(interpret_instruction(parse_instruction_line(trigger, stage.line), job_.escape));
  }
}

void StageBuilder::run(const Instruction& instruction) {
  line_ = instruction.line;
  step(instruction.original);
  located(instruction.original.substr(0, instruction.original.find(' ')), [&] {
    std::visit([&](const auto& meaning) { apply(meaning, instruction); }, instruction.meaning);
  });
}

void StageBuilder::located(const std::string& keyword, const std::function<void()>& work) const {
  try {
    work();
  } catch (const DockerfileError&) {
    throw;
  } catch (const StepFailed&) {
    throw;
  } catch (const Error& e) {
    if (e.kind() == Kind::cancelled) throw;
    throw Error(e.kind(), fmt::format("{}:{}: {} failed: {}", job_.request.dockerfile, line_,
                                      keyword, e.what()));
  }
}

void StageBuilder::remember_history(const std::string& created, const std::string& created_by,
                                    bool empty) {
  config_.created = created;
  config_.history.push_back({created, created_by, "", empty});
}

// The time of a config-only step is cached too, so that a rebuild gives the same image id.
void StageBuilder::configured(const std::string& created_by) {
  const std::string key = config_key(last_key_, created_by);
  last_key_ = key;
  auto known = job_.request.no_cache ? std::nullopt : job_.cache.find(key);
  if (known) {
    job_.say(" ---> Using cache\n");
  } else {
    known = CachedStep{};
    known->created = to_rfc3339(job_.deps.clock.now(), 9);
    job_.cache.remember(key, *known);
  }
  remember_history(known->created, created_by, true);
  job_.say(fmt::format(" ---> {}\n", key.substr(0, 12)));
}

void StageBuilder::layered(const std::string& inputs, const std::string& created_by,
                           const Make& make) {
  const std::string key = layer_key(config_.diff_ids, inputs);
  last_key_ = config_key(last_key_, key);
  auto known = job_.request.no_cache ? std::nullopt : job_.cache.find(key);
  if (known) {
    job_.say(" ---> Using cache\n");
  } else {
    known = make_layer(make);
    job_.cache.remember(key, *known);
  }
  if (known->has_layer) {
    job_.keep({known->diff_id}, {known->layer});
    layers_.push_back(known->layer);
    config_.diff_ids.push_back(known->diff_id);
  }
  remember_history(known->created, created_by, !known->has_layer);
  job_.say(fmt::format(" ---> {}\n", key.substr(0, 12)));
}

CachedStep StageBuilder::make_layer(const Make& make) {
  const std::string dir = fmt::format("{}/step-{}-{}", job_.work_dir, index_, job_.step);
  make_directories(dir + "/upper", 0755);
  make(dir + "/upper", layer_dirs(job_, result()));
  CachedStep made;
  made.created = to_rfc3339(job_.deps.clock.now(), 9);
  if (!std::filesystem::is_empty(dir + "/upper")) {
    const auto layer = job_.deps.images.commit_layer(config_.diff_ids, dir + "/upper", job_.stop);
    made.has_layer = true;
    made.layer = layer.descriptor;
    made.diff_id = layer.diff_id;
    made.size = layer.size;
  }
  remove_tree(dir);
  return made;
}

std::string StageBuilder::absolute(const std::string& path) const {
  const std::string base = config_.working_dir.empty() ? "/" : config_.working_dir;
  std::string out = std::filesystem::path(base) / path;
  const bool slash = out.ends_with('/') || out.ends_with("/.");
  out = std::filesystem::path(out).lexically_normal();
  if (slash && !out.ends_with('/')) out += '/';
  return out;
}

std::string StageBuilder::command_text(const Command& command) const {
  if (command.exec_form) return join(command.words, " ");
  return join(command_words(command), " ");
}

std::vector<std::string> StageBuilder::command_words(const Command& command) const {
  if (command.exec_form) return command.words;
  std::vector<std::string> words =
      config_.shell.empty() ? std::vector<std::string>{"/bin/sh", "-c"} : config_.shell;
  words.push_back(command.text);
  return words;
}

}  // namespace slipway::build

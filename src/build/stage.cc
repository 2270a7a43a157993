#include "build/stage.h"

#include <filesystem>

#include "base/error.h"
#include "base/strings.h"
#include "build/parser/suggest.h"
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

void check_stage_platform(const std::string& platform, int line) {
  if (platform.empty() || platform == "linux/amd64" || platform == "linux") return;
  throw DockerfileError(
      line, fmt::format("platform {} cannot be built on this machine (linux/amd64)", platform));
}

}  // namespace

void StageBuilder::note(const std::string& text) const {
  Event event;
  event.kind = Event::Kind::note;
  event.stage = index_;
  event.id = id_;
  event.text = text;
  job_.tell(event);
}

void StageBuilder::step(const std::string& original, int line, bool trigger,
                        const std::function<void()>& work) {
  job_.stop.throw_if_requested();
  line_ = line;
  id_ = job_.next_id();
  cached_ = false;
  original_ = original;
  why_.clear();
  Event event;
  event.kind = Event::Kind::step;
  event.stage = index_;
  event.stage_name = name_;
  event.id = id_;
  event.number = trigger ? number_ - 1 : number_++;
  event.line = line;
  event.trigger = trigger;
  event.text = original;
  job_.tell(event);
  const auto begin = std::chrono::steady_clock::now();
  const auto end = [&](Event::Kind kind, const std::string& text) {
    event.kind = kind;
    event.cached = cached_;
    event.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    event.text = text;
    job_.tell(event);
  };
  try {
    located(original.substr(0, original.find(' ')), work);
  } catch (const Error& e) {
    if (e.kind() != Kind::cancelled) end(Event::Kind::failed, e.what());
    throw;
  }
  end(Event::Kind::done, why_);
  ++ordinal_;
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
    throw Error(e.kind(), fmt::format("{}:{}: {} failed: {}", job_.request.shown(), line_, keyword,
                                      e.what()));
  }
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

Parts StageBuilder::variable_parts() const {
  Parts out;
  for (const auto& entry : config_.env) {
    const auto [name, value] = split_once(entry, '=');
    out.emplace_back("ENV " + name, short_sum(value));
  }
  for (const auto& [name, value] : args_) out.emplace_back("ARG " + name, short_sum(value));
  return out;
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

// An image that nobody has may be a stage whose name was misspelt.
image::Image StageBuilder::image_or_hint(const std::string& name, bool pull) {
  try {
    return image_named(name, pull);
  } catch (const Error& e) {
    const auto& stages = job_.stage_names;
    if (e.kind() == Kind::cancelled || stages.empty() ||
        name.find_first_of("/:@") != std::string::npos)
      throw;
    const bool later = std::any_of(stages.begin(), stages.end(),
                                   [&](const auto& stage) { return iequals(stage, name); });
    if (later)
      throw Error(e.kind(), fmt::format("{} (the stage {} comes later in the file: only earlier "
                                        "ones can be read from)",
                                        e.what(), name));
    throw Error(e.kind(), fmt::format("{}; nor is there a stage {}{}: the stages are {}", e.what(),
                                      name, did_you_mean(name, stages), join(stages, ", ")));
  }
}

StageResult StageBuilder::tree_named(const std::string& name) {
  if (auto stage = find_stage_(name)) return std::move(*stage);
  if (name == "scratch") return {};
  const auto found = image_or_hint(name, false);
  job_.keep(found.config.diff_ids, found.layers);
  return {found.config, found.layers};
}

std::vector<std::string> StageBuilder::take_base(const std::string& name) {
  if (auto earlier = find_stage_(name)) {
    config_ = earlier->config;
    layers_ = earlier->layers;
    return {};
  }
  if (name == "scratch") {
    config_.env = {default_path};
    note(" ---> \n");
    return {};
  }
  const auto found = image_or_hint(name, job_.request.pull);
  job_.keep(found.config.diff_ids, found.layers);
  config_ = found.config;
  layers_ = found.layers;
  if (!get_env(config_.env, "PATH")) config_.env.emplace_back(default_path);
  note(fmt::format(" ---> {}\n", short_id(found.id)));
  return std::exchange(config_.on_build, {});
}

void StageBuilder::start(const Stage& stage) {
  const std::string name =
      expand_global(job_.global_args, stage.from.image, stage.line, job_.escape);
  check_stage_platform(
      expand_global(job_.global_args, stage.from.platform, stage.line, job_.escape), stage.line);
  if (name.empty()) throw DockerfileError(stage.line, "base name should not be blank");
  std::vector<std::string> triggers;
  step(stage.original, stage.line, false, [&] {
    triggers = take_base(name);
    cached_ = true;
  });
  config_.step_keys.resize(config_.history.size());
  last_key_ = sha256_hex("from\n" + join(config_.diff_ids, "\n") + "\n" + config_.to_json() + "\n" +
                         (job_.epoch ? std::to_string(*job_.epoch) : ""));
  for (const auto& trigger : triggers)
    run(interpret_instruction(parse_instruction_line(trigger, stage.line), job_.escape), true);
}

StageResult StageBuilder::build(const Stage& stage) {
  name_ = stage.from.name.empty() ? fmt::format("stage-{}", index_) : stage.from.name;
  for (const auto& name : job_.request.no_cache_stages)
    no_cache_ = no_cache_ || iequals(name, name_) || name == std::to_string(index_);
  start(stage);
  for (const auto& instruction : stage.instructions) run(instruction);
  Event event;
  event.kind = Event::Kind::stage_done;
  event.stage = index_;
  job_.tell(event);
  return {config_, layers_};
}

void StageBuilder::run(const Instruction& instruction, bool trigger) {
  step(instruction.original, instruction.line, trigger, [&] {
    std::visit([&](const auto& meaning) { apply(meaning, instruction); }, instruction.meaning);
  });
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

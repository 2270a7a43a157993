#include "build/stage.h"

#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "codec/hash.h"
#include "codec/json.h"
#include "container/accounts.h"

namespace slipway::build {

namespace {

constexpr const char* default_path =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string short_id(const std::string& digest) {
  return digest.size() > 19 ? digest.substr(digest.find(':') + 1, 12) : digest;
}

void set_env(std::vector<std::string>& env, const std::string& name, const std::string& value) {
  for (auto& entry : env) {
    if (entry.starts_with(name + "=")) {
      entry = name + "=" + value;
      return;
    }
  }
  env.push_back(name + "=" + value);
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

std::vector<std::string> sorted_args(const std::map<std::string, std::string>& args) {
  std::vector<std::string> out;
  for (const auto& [name, value] : args) out.push_back(name + "=" + value);
  return out;
}

}  // namespace

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

void StageBuilder::start(const Stage& stage) {
  line_ = stage.line;
  step(stage.original);
  const auto global = [this](const std::string& name) -> std::optional<std::string> {
    const auto at = job_.global_args.find(name);
    if (at == job_.global_args.end()) return std::nullopt;
    return at->second;
  };
  const std::string name = expand_word(stage.from.image, global, job_.escape);
  const std::string platform = expand_word(stage.from.platform, global, job_.escape);
  if (!platform.empty() && platform != "linux/amd64" && platform != "linux") {
    throw DockerfileError(
        stage.line,
        fmt::format("platform {} cannot be built on this machine (linux/amd64)", platform));
  }
  if (name.empty()) throw DockerfileError(stage.line, "base name should not be blank");
  std::vector<std::string> triggers;
  if (const StageResult* earlier = find_stage_(name)) {
    config_ = earlier->config;
    layers_ = earlier->layers;
  } else if (name == "scratch") {
    config_.env = {default_path};
    job_.say(" ---> \n");
  } else {
    const auto reference = image::Reference::parse(name);
    auto found = job_.deps.images.find(name);
    if (!found || job_.request.pull) {
      const auto known = job_.request.credentials.find(reference.domain);
      const auto credentials =
          known == job_.request.credentials.end() ? std::nullopt : std::optional(known->second);
      job_.deps.registry.pull(
          reference, credentials, [](const registry::Progress&) {}, job_.stop);
      found = job_.deps.images.get(name);
    }
    job_.deps.images.unpack(*found, job_.stop);
    config_ = found->config;
    layers_ = found->layers;
    job_.say(fmt::format(" ---> {}\n", short_id(found->id)));
    triggers = std::exchange(config_.on_build, {});
  }
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
  std::visit([&](const auto& meaning) { apply(meaning, instruction); }, instruction.meaning);
}

std::string StageBuilder::key_of(const std::string& text) const {
  return sha256_hex(join(config_.diff_ids, "\n") + "\n" + text);
}

void StageBuilder::remember_history(const std::string& created, const std::string& created_by,
                                    bool empty) {
  config_.created = created;
  config_.history.push_back({created, created_by, "", empty});
}

// The time of a config-only step is cached too, so that a rebuild gives the same image id.
void StageBuilder::configured(const std::string& created_by) {
  const std::string key = sha256_hex("config\n" + last_key_ + "\n" + created_by);
  last_key_ = key;
  auto known = job_.request.no_cache ? std::nullopt : job_.cache.find(key);
  if (!known) {
    known = CachedStep{};
    known->created = to_rfc3339(job_.deps.clock.now(), 9);
    job_.cache.remember(key, *known);
  }
  remember_history(known->created, created_by, true);
}

void StageBuilder::layered(const std::string& key_text, const std::string& created_by,
                           const Make& make) {
  const std::string key = key_of(key_text);
  last_key_ = sha256_hex(last_key_ + "\n" + key);
  auto known = job_.request.no_cache ? std::nullopt : job_.cache.find(key);
  if (known) {
    job_.say(" ---> Using cache\n");
  } else {
    const std::string dir = fmt::format("{}/step-{}-{}", job_.work_dir, index_, job_.step);
    make_directories(dir + "/upper", 0755);
    make(dir + "/upper", layer_dirs(job_, result()));
    known = CachedStep{};
    known->created = to_rfc3339(job_.deps.clock.now(), 9);
    if (!std::filesystem::is_empty(dir + "/upper")) {
      const auto layer = job_.deps.images.commit_layer(config_.diff_ids, dir + "/upper", job_.stop);
      known->has_layer = true;
      known->layer = layer.descriptor;
      known->diff_id = layer.diff_id;
      known->size = layer.size;
    }
    remove_tree(dir);
    job_.cache.remember(key, *known);
  }
  if (known->has_layer) {
    layers_.push_back(known->layer);
    config_.diff_ids.push_back(known->diff_id);
  }
  remember_history(known->created, created_by, !known->has_layer);
  job_.say(fmt::format(" ---> {}\n", short_id("sha256:" + key)));
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

void StageBuilder::apply(const Arg& arg, const Instruction& instruction) {
  for (const auto& [name, value] : arg.args) {
    job_.used_args.insert(name);
    const auto given = job_.request.build_args.find(name);
    const auto global = job_.global_args.find(name);
    if (given != job_.request.build_args.end()) {
      args_[name] = given->second;
    } else if (value) {
      args_[name] = expand(*value);
    } else if (global != job_.global_args.end()) {
      args_[name] = global->second;
    }
  }
  configured(instruction.original);
}

void StageBuilder::apply(const Env& env, const Instruction& instruction) {
  KeyValues expanded;  // all see the environment as it was before the instruction
  for (const auto& [name, value] : env.pairs) expanded.emplace_back(expand(name), expand(value));
  for (const auto& [name, value] : expanded) set_env(config_.env, name, value);
  configured("ENV " + join(config_.env, " ") + " # " + instruction.original);
  config_.history.back().created_by = instruction.original;
}

void StageBuilder::apply(const Label& label, const Instruction& instruction) {
  for (const auto& [name, value] : label.pairs) {
    const std::string key = expand(name);
    std::erase_if(config_.labels, [&](const auto& pair) { return pair.first == key; });
    config_.labels.emplace_back(key, expand(value));
  }
  configured(instruction.original);
}

void StageBuilder::apply(const Cmd& cmd, const Instruction& instruction) {
  config_.cmd = cmd.command.exec_form || !cmd.command.text.empty() ? command_words(cmd.command)
                                                                   : std::vector<std::string>{};
  configured(instruction.original);
}

void StageBuilder::apply(const Entrypoint& entrypoint, const Instruction& instruction) {
  const bool clear = !entrypoint.command.exec_form && entrypoint.command.text.empty();
  config_.entrypoint = clear ? std::vector<std::string>{} : command_words(entrypoint.command);
  config_.cmd.clear();  // a base image's CMD does not fit a new entrypoint
  configured(instruction.original);
}

void StageBuilder::apply(const Shell& shell, const Instruction& instruction) {
  config_.shell = shell.words;
  configured(instruction.original);
}

void StageBuilder::apply(const User& user, const Instruction& instruction) {
  config_.user = expand(user.user);
  configured("USER " + config_.user);
  config_.history.back().created_by = instruction.original;
}

void StageBuilder::apply(const Expose& expose, const Instruction& instruction) {
  for (const auto& raw : expose.ports) {
    for (const auto& word : expand_words(
             raw, [this](const std::string& n) { return variable(n); }, job_.escape)) {
      const auto [number, protocol] = split_once(word, '/');
      const auto [first, last] = split_once(number, '-');
      const auto low = parse_uint(first);
      const auto high = last.empty() ? low : parse_uint(last);
      if (!low || !high || *high > 65535 || *low > *high) {
        throw DockerfileError(line_, fmt::format("invalid containerPort: {}", word));
      }
      for (uint64_t port = *low; port <= *high; ++port) {
        const std::string entry =
            fmt::format("{}/{}", port, protocol.empty() ? "tcp" : to_lower(protocol));
        auto& ports = config_.exposed_ports;
        if (std::find(ports.begin(), ports.end(), entry) == ports.end()) ports.push_back(entry);
      }
    }
  }
  configured(instruction.original);
}

void StageBuilder::apply(const Volume& volume, const Instruction& instruction) {
  for (const auto& raw : volume.paths) {
    const std::string path = expand(raw);
    if (path.empty()) throw DockerfileError(line_, "VOLUME specified can not be an empty string");
    config_.volumes.push_back(path);
  }
  configured(instruction.original);
}

void StageBuilder::apply(const StopSignal& stop, const Instruction& instruction) {
  config_.stop_signal = expand(stop.signal);
  configured(instruction.original);
}

void StageBuilder::apply(const Healthcheck& check, const Instruction& instruction) {
  image::HealthCheck made;
  if (check.none) {
    made.test = {"NONE"};
  } else if (check.command.exec_form) {
    made.test = check.command.words;
    made.test.insert(made.test.begin(), "CMD");
  } else {
    made.test = {"CMD-SHELL", check.command.text};
  }
  made.interval_ns = check.interval_ns;
  made.timeout_ns = check.timeout_ns;
  made.start_period_ns = check.start_period_ns;
  made.retries = check.retries;
  config_.health_check = made;
  configured(instruction.original);
}

void StageBuilder::apply(const Onbuild& onbuild, const Instruction& instruction) {
  config_.on_build.push_back(onbuild.trigger);
  configured(instruction.original);
}

void StageBuilder::apply(const Maintainer& maintainer, const Instruction& instruction) {
  config_.author = maintainer.name;
  configured(instruction.original);
}

void StageBuilder::apply(const Run& run, const Instruction&) {
  Command command = run.command;
  for (const auto& doc : run.heredocs) {
    const bool only =
        trim(command.text) == "<<" + doc.name || trim(command.text) == "<<-" + doc.name ||
        (!doc.expand && command.text.starts_with("<<") && split_words(command.text).size() == 1);
    if (only && doc.content.starts_with("#!")) {
      throw DockerfileError(
          line_,
          "RUN heredocs with an interpreter line (#!) are not supported by this builder yet");
    }
    command.text = only ? doc.content : command.text + "\n" + doc.content + doc.name;
  }
  const auto words = command_words(command);
  const auto args = sorted_args(args_);
  std::string shown = command_text(command);
  if (!args.empty()) shown = fmt::format("|{} {} {}", args.size(), join(args, " "), shown);
  const Json key = {{"run", words},
                    {"env", env_with_args()},
                    {"user", config_.user},
                    {"dir", config_.working_dir},
                    {"network", run.network}};
  layered(key.dump(-1, ' ', false, Json::error_handler_t::replace), shown,
          [&](const std::string& upper, const std::vector<std::string>& lower) {
            const int code = run_container(words, upper, lower, run.network);
            if (code == 0) return;
            throw StepFailed(
                code, fmt::format("{}:{}: The command '{}' returned a non-zero code: {}",
                                  job_.request.dockerfile, line_, command_text(command), code));
          });
}

}  // namespace slipway::build

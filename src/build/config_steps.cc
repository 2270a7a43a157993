// The steps that change only the image's configuration: no layer, no container.
#include "base/error.h"
#include "base/strings.h"
#include "build/stage.h"

namespace slipway::build {

namespace {

void set_env(std::vector<std::string>& env, const std::string& name, const std::string& value) {
  for (auto& entry : env) {
    if (entry.starts_with(name + "=")) {
      entry = name + "=" + value;
      return;
    }
  }
  env.push_back(name + "=" + value);
}

}  // namespace

void StageBuilder::apply(const Arg& arg, const Instruction& instruction) {
  for (const auto& [name, value] : arg.args) {
    job_.use_arg(name);
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
  configured(instruction.original, "ENV " + join(config_.env, "\n") + "\n" + instruction.original);
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
  cmd_set_ = true;
  configured(instruction.original);
}

void StageBuilder::apply(const Entrypoint& entrypoint, const Instruction& instruction) {
  const bool clear = !entrypoint.command.exec_form && entrypoint.command.text.empty();
  config_.entrypoint = clear ? std::vector<std::string>{} : command_words(entrypoint.command);
  if (!cmd_set_) config_.cmd.clear();  // a base image's CMD does not fit a new entrypoint
  configured(instruction.original);
}

void StageBuilder::apply(const Shell& shell, const Instruction& instruction) {
  config_.shell = shell.words;
  configured(instruction.original);
}

void StageBuilder::apply(const User& user, const Instruction& instruction) {
  config_.user = expand(user.user);
  configured(instruction.original, "USER " + config_.user);
}

void StageBuilder::expose(const std::string& word) {
  const auto [number, protocol] = split_once(word, '/');
  const auto [first, last] = split_once(number, '-');
  const auto low = parse_uint(first);
  const auto high = last.empty() ? low : parse_uint(last);
  if (!low || !high || *high > 65535 || *low > *high) {
    throw DockerfileError(line_, fmt::format("invalid containerPort: {}", word));
  }
  auto& ports = config_.exposed_ports;
  for (uint64_t port = *low; port <= *high; ++port) {
    const std::string entry =
        fmt::format("{}/{}", port, protocol.empty() ? "tcp" : to_lower(protocol));
    if (std::find(ports.begin(), ports.end(), entry) == ports.end()) ports.push_back(entry);
  }
}

void StageBuilder::apply(const Expose& exposed, const Instruction& instruction) {
  const auto lookup = [this](const std::string& name) { return variable(name); };
  for (const auto& raw : exposed.ports) {
    for (const auto& word : expand_words(raw, lookup, job_.escape)) expose(word);
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
  made.start_interval_ns = check.start_interval_ns;
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

}  // namespace slipway::build

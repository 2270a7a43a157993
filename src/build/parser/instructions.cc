#include "build/parser/instructions.h"

#include <map>

#include "base/strings.h"
#include "build/parser/flags.h"
#include "build/parser/mounts.h"
#include "build/parser/suggest.h"
#include "build/parser/words.h"

namespace slipway::build {

namespace {

void need_rest(const RawInstruction& raw) {
  if (raw.rest.empty())
    throw DockerfileError(raw.line, fmt::format("{} requires at least one argument", raw.keyword));
}

Command command_of(const std::string& text) {
  Command command;
  if (auto words = parse_exec_form(text)) {
    command.exec_form = true;
    command.words = std::move(*words);
  } else {
    command.text = text;
  }
  return command;
}

// "k=v k2=v2" or the old "k v v v".
KeyValues key_values(const RawInstruction& raw, char escape) {
  need_rest(raw);
  const auto words = split_words(raw.rest, escape);
  KeyValues pairs;
  if (words[0].find('=') == std::string::npos) {
    const size_t end = raw.rest.find_first_of(" \t");
    if (end == std::string::npos)
      throw DockerfileError(raw.line, fmt::format("{} must have two arguments", raw.keyword));
    pairs.emplace_back(raw.rest.substr(0, end), std::string(trim(raw.rest.substr(end))));
    return pairs;
  }
  for (const auto& word : words) {
    auto [key, value] = split_once(word, '=');
    if (word.find('=') == std::string::npos) {
      throw DockerfileError(
          raw.line,
          fmt::format("Syntax error - can't find = in \"{}\". Must be of the form: name=value",
                      word));
    }
    if (key.empty())
      throw DockerfileError(raw.line, fmt::format("{} names can not be blank", raw.keyword));
    pairs.emplace_back(key, value);
  }
  return pairs;
}

Meaning make_from(const RawInstruction& raw, char escape) {
  const auto flags = take_flags(raw, {"platform"});
  const auto words = split_words(raw.rest, escape);
  From from;
  from.platform = flag(flags, "platform");
  if (words.size() != 1 && !(words.size() == 3 && iequals(words[1], "as"))) {
    throw DockerfileError(raw.line, "FROM requires either one or three arguments");
  }
  from.image = words[0];
  if (words.size() == 3) {
    from.name = to_lower(words[2]);
    if (from.name.empty() || !std::isalpha(static_cast<unsigned char>(from.name[0])) ||
        !only_alnum_and(from.name, "-_.")) {
      throw DockerfileError(raw.line, fmt::format("invalid name for build stage: \"{}\", name "
                                                  "can't start with a number or contain symbols",
                                                  words[2]));
    }
  }
  return from;
}

Meaning make_arg(const RawInstruction& raw, char escape) {
  need_rest(raw);
  Arg arg;
  for (const auto& word : split_words(raw.rest, escape)) {
    auto [name, value] = split_once(word, '=');
    if (name.empty()) throw DockerfileError(raw.line, "ARG names can not be blank");
    const bool given = word.find('=') != std::string::npos;
    arg.args.emplace_back(name, given ? std::optional(value) : std::nullopt);
  }
  return arg;
}

void check_checksum(const RawInstruction& raw, const std::string& checksum) {
  const std::string_view hex =
      std::string_view(checksum).substr(std::min<size_t>(7, checksum.size()));
  if (checksum.find('$') != std::string::npos) return;  // known only while building
  if (!checksum.starts_with("sha256:") || hex.size() != 64 ||
      hex.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    throw DockerfileError(
        raw.line, fmt::format("ADD --checksum: want sha256:<64 hex digits>, not \"{}\"", checksum));
  }
}

Meaning make_copy(const RawInstruction& raw, char escape) {
  Copy copy;
  copy.add = raw.keyword == "ADD";
  const auto flags =
      copy.add ? take_flags(raw, {"chown", "chmod", "link", "exclude", "checksum", "keep-git-dir",
                                  "unpack"})
               : take_flags(raw, {"chown", "chmod", "from", "link", "parents", "exclude"});
  copy.chown = flag(flags, "chown");
  copy.chmod = flag(flags, "chmod");
  copy.from = flag(flags, "from");
  copy.checksum = flag(flags, "checksum");
  if (!copy.checksum.empty()) check_checksum(raw, copy.checksum);
  copy.excludes = repeated(raw, "exclude");
  copy.link = switch_of(raw, flags, "link").value_or(false);
  copy.parents = switch_of(raw, flags, "parents").value_or(false);
  copy.unpack = switch_of(raw, flags, "unpack");
  copy.heredocs = raw.heredocs;
  auto words = parse_exec_form(raw.rest).value_or(split_words(raw.rest, escape));
  if (words.size() < 2) {
    throw DockerfileError(
        raw.line, fmt::format("{} requires at least two arguments, but only {} {} provided",
                              raw.keyword, words.size(), words.size() == 1 ? "was" : "were"));
  }
  copy.destination = std::move(words.back());
  words.pop_back();
  copy.sources = std::move(words);
  return copy;
}

Meaning make_run(const RawInstruction& raw) {
  for (const auto& [name, value] : raw.flags) {
    if (name == "device")
      throw DockerfileError(raw.line, "RUN --device is not supported by this builder");
  }
  const auto flags = take_flags(raw, {"mount", "network", "security"});
  Run run{command_of(raw.rest), raw.heredocs, repeated(raw, "mount"), flag(flags, "network"),
          false};
  for (const auto& mount : run.mounts) {
    mount_source_stage(mount, raw.line);
    if (mount.find('$') == std::string::npos) parse_run_mount(mount, raw.line);
  }
  if (run.network != "" && run.network != "default" && run.network != "none" &&
      run.network != "host" && run.network.find('$') == std::string::npos) {
    throw DockerfileError(raw.line, fmt::format("unsupported network mode \"{}\" (default, none "
                                                "or host)",
                                                run.network));
  }
  const std::string security = flag(flags, "security");
  if (!security.empty() && security != "sandbox" && security != "insecure")
    throw DockerfileError(raw.line, fmt::format("security \"{}\" is not valid (sandbox or "
                                                "insecure)",
                                                security));
  run.insecure = security == "insecure";
  need_rest(raw);
  return run;
}

Meaning make_healthcheck(const RawInstruction& raw) {
  const auto flags =
      take_flags(raw, {"interval", "timeout", "start-period", "start-interval", "retries"});
  Healthcheck check;
  auto [type, rest] = split_once(raw.rest, ' ');
  type = to_upper(type);
  if (type == "NONE") {
    check.none = true;
    return check;
  }
  if (type != "CMD")
    throw DockerfileError(raw.line,
                          fmt::format("unknown type \"{}\" in HEALTHCHECK (try CMD)", type));
  check.command = command_of(std::string(trim(rest)));
  if (trim(rest).empty()) throw DockerfileError(raw.line, "missing command after HEALTHCHECK CMD");
  const auto duration = [&](const std::string& name) -> int64_t {
    const std::string text = flag(flags, name);
    if (text.empty()) return 0;
    try {
      return parse_duration_ns(text);
    } catch (const Error& e) {
      throw DockerfileError(raw.line, fmt::format("HEALTHCHECK --{}: {}", name, e.what()));
    }
  };
  check.interval_ns = duration("interval");
  check.timeout_ns = duration("timeout");
  check.start_period_ns = duration("start-period");
  check.start_interval_ns = duration("start-interval");
  if (const std::string text = flag(flags, "retries"); !text.empty()) {
    const auto count = parse_int(text);
    if (!count || *count < 0 || *count > 1'000'000)
      throw DockerfileError(raw.line, "HEALTHCHECK --retries must be a number, 0 or more");
    check.retries = static_cast<int>(*count);
  }
  return check;
}

Meaning make_onbuild(const RawInstruction& raw, char escape) {
  need_rest(raw);
  const RawInstruction trigger = parse_instruction_line(raw.rest, raw.line);
  if (trigger.keyword == "ONBUILD" || trigger.keyword == "FROM" ||
      trigger.keyword == "MAINTAINER") {
    throw DockerfileError(raw.line,
                          fmt::format("{} isn't allowed as an ONBUILD trigger", trigger.keyword));
  }
  interpret_instruction(trigger, escape);  // refuse now what could not run later
  return Onbuild{raw.rest};
}

const std::vector<std::string>& instruction_names() {
  static const std::vector<std::string> names = {
      "FROM",    "ARG",        "ENV",    "LABEL",      "COPY",       "ADD",
      "RUN",     "CMD",        "SHELL",  "ENTRYPOINT", "WORKDIR",    "USER",
      "ONBUILD", "STOPSIGNAL", "EXPOSE", "VOLUME",     "MAINTAINER", "HEALTHCHECK"};
  return names;
}

Meaning meaning_of(const RawInstruction& raw, char escape) {
  const std::string& k = raw.keyword;
  if (k == "FROM") return make_from(raw, escape);
  if (k == "ARG") return make_arg(raw, escape);
  if (k == "ENV") return Env{key_values(raw, escape)};
  if (k == "LABEL") return Label{key_values(raw, escape)};
  if (k == "COPY" || k == "ADD") return make_copy(raw, escape);
  if (k == "RUN") return make_run(raw);
  if (k == "CMD") return Cmd{command_of(raw.rest)};
  if (k == "ENTRYPOINT") return Entrypoint{command_of(raw.rest)};
  if (k == "HEALTHCHECK") return make_healthcheck(raw);
  if (k == "ONBUILD") return make_onbuild(raw, escape);
  need_rest(raw);
  if (k == "WORKDIR") return Workdir{raw.rest};
  if (k == "USER") return User{raw.rest};
  if (k == "STOPSIGNAL") return StopSignal{raw.rest};
  if (k == "MAINTAINER") return Maintainer{raw.rest};
  if (k == "EXPOSE") return Expose{split_words(raw.rest, escape)};
  if (k == "VOLUME")
    return Volume{parse_exec_form(raw.rest).value_or(split_words(raw.rest, escape))};
  if (k == "SHELL") {
    auto words = parse_exec_form(raw.rest);
    if (!words || words->empty())
      throw DockerfileError(raw.line, "SHELL requires the arguments to be in JSON form");
    return Shell{std::move(*words)};
  }
  throw DockerfileError(
      raw.line, fmt::format("unknown instruction: {}{}", k, did_you_mean(k, instruction_names())));
}

}  // namespace

Instruction interpret_instruction(const RawInstruction& raw, char escape) {
  return Instruction{meaning_of(raw, escape), raw.line, raw.original};
}

BuildFile interpret(const Dockerfile& file) {
  BuildFile out;
  out.escape = file.escape;
  out.syntax = file.syntax;
  for (const auto& raw : file.instructions) {
    Instruction made = interpret_instruction(raw, file.escape);
    if (auto* from = std::get_if<From>(&made.meaning)) {
      out.stages.push_back(Stage{std::move(*from), made.line, made.original, {}});
    } else if (!out.stages.empty()) {
      out.stages.back().instructions.push_back(std::move(made));
    } else if (auto* arg = std::get_if<Arg>(&made.meaning)) {
      out.global_args.push_back(std::move(*arg));
    } else {
      throw DockerfileError(raw.line, "no build stage in current context (FROM must come first)");
    }
  }
  if (out.stages.empty()) throw DockerfileError(1, "no build stage: the file has no FROM");
  return out;
}

}  // namespace slipway::build

// Instructions with their meaning: what each keyword takes, checked once for the whole file before
// anything runs. Words are still unexpanded: ARG and ENV values are known only while building.
// Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "build/parser/dockerfile.h"

namespace slipway::build {

// A command in exec form (["a","b"]: words) or shell form (text).
struct Command {
  bool exec_form = false;
  std::vector<std::string> words;
  std::string text;
};
using KeyValues = std::vector<std::pair<std::string, std::string>>;

struct From {
  std::string image, name, platform;
};
struct Arg {
  std::vector<std::pair<std::string, std::optional<std::string>>> args;
};
struct Env {
  KeyValues pairs;
};
struct Label {
  KeyValues pairs;
};
struct Copy {
  bool add = false;
  std::vector<std::string> sources;  // unexpanded; heredocs stand as "<<NAME"
  std::string destination;
  std::string from, chown, chmod, checksum;
  std::vector<std::string> excludes;
  bool link = false, parents = false;
  std::optional<bool> unpack;  // ADD: archives of any source, or of none
  std::vector<Heredoc> heredocs;
};
struct Run {
  Command command;
  std::vector<Heredoc> heredocs;
  std::vector<std::string> mounts;  // unexpanded, see mounts.h
  std::string network;
  bool insecure = false;
};
struct Cmd {
  Command command;
};
struct Entrypoint {
  Command command;
};
struct Shell {
  std::vector<std::string> words;
};
struct Workdir {
  std::string path;
};
struct User {
  std::string user;
};
struct Expose {
  std::vector<std::string> ports;
};
struct Volume {
  std::vector<std::string> paths;
};
struct StopSignal {
  std::string signal;
};
struct Healthcheck {
  bool none = false;
  Command command;
  int64_t interval_ns = 0, timeout_ns = 0, start_period_ns = 0, start_interval_ns = 0;
  int retries = 0;
};
struct Onbuild {
  std::string trigger;
};
struct Maintainer {
  std::string name;
};

using Meaning = std::variant<From, Arg, Env, Label, Copy, Run, Cmd, Entrypoint, Shell, Workdir,
                             User, Expose, Volume, StopSignal, Healthcheck, Onbuild, Maintainer>;

struct Instruction {
  Meaning meaning;
  int line = 0;
  std::string original;
};

struct Stage {
  From from;
  int line = 0;
  std::string original;
  std::vector<Instruction> instructions;
};

struct BuildFile {
  char escape = '\\';
  std::string syntax;
  std::vector<Arg> global_args;  // before the first FROM
  std::vector<Stage> stages;
};

// Throws DockerfileError: unknown instruction, unknown flag, wrong number of arguments...
BuildFile interpret(const Dockerfile& file);
Instruction interpret_instruction(const RawInstruction& raw, char escape);

// "1h2m3.5s", "500ms" -> nanoseconds. Throws Error(invalid_argument).
int64_t parse_duration_ns(std::string_view text);

}  // namespace slipway::build

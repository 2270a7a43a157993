// RUN: a container on the stage's layers whose upper directory becomes the next layer.
#include <filesystem>
#include <future>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/strings.h"
#include "build/stage.h"
#include "build/step_keys.h"

namespace slipway::build {

namespace {

// What a runtime makes mount points of, so that they do not turn up in a step's layer.
std::string stub_layer(const Job& job) {
  const std::string dir = job.deps.root + "/stubs";
  if (exists(dir)) return dir;
  const std::string made = dir + "-" + random_hex(8);
  for (const char* name : {"/dev/pts", "/dev/shm", "/dev/mqueue", "/proc", "/sys", "/etc"})
    make_directories(made + name);
  for (const char* name : {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/console"})
    write_file(made + name, "");
  std::error_code error;
  std::filesystem::rename(made, dir, error);  // somebody else may have been quicker
  if (error) remove_tree(made);
  return dir;
}

std::vector<std::string> sorted_args(const std::map<std::string, std::string>& args) {
  std::vector<std::string> out;
  for (const auto& [name, value] : args) out.push_back(name + "=" + value);
  return out;
}

}  // namespace

Command StageBuilder::with_heredocs(const Run& run) const {
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
  return command;
}

container::Spec StageBuilder::run_spec(const std::vector<std::string>& words,
                                       const std::string& upper,
                                       const std::vector<std::string>& lower,
                                       const std::string& network) const {
  container::Spec spec;
  spec.owner = "build";
  spec.lower_dirs = lower;
  spec.lower_dirs.insert(spec.lower_dirs.begin(), stub_layer(job_));
  spec.upper_dir = upper;
  spec.entrypoint_set = true;
  spec.cmd = words;
  spec.env = env_with_args();
  spec.user = config_.user;
  spec.working_dir = config_.working_dir.empty() ? "/" : config_.working_dir;
  const std::string mode = network.empty() ? job_.request.network_mode : network;
  spec.network_mode = mode == "default" ? "" : mode;
  spec.memory_bytes = job_.request.memory_bytes;
  spec.shm_size_bytes = job_.request.shm_size_bytes;
  spec.extra_hosts = job_.request.extra_hosts;
  return spec;
}

int StageBuilder::run_container(const std::vector<std::string>& words, const std::string& upper,
                                const std::vector<std::string>& lower, const std::string& network) {
  const container::Spec spec = run_spec(words, upper, lower, network);
  container::Engine& engine = job_.deps.engine;
  const std::string id = engine.create(spec);
  const Finally remove([&] {
    try {
      engine.remove(id, true, true);
    } catch (const std::exception&) {  // gone already
    }
  });
  job_.say(fmt::format(" ---> Running in {}\n", id.substr(0, 12)));
  std::promise<void> attached;
  std::once_flag once;
  const auto ready = [&] { std::call_once(once, [&] { attached.set_value(); }); };
  const Stop stop = job_.stop.child();
  std::jthread reader([&] {
    container::Streams streams;
    streams.output = [&](int, std::string_view bytes) { job_.output(bytes); };
    try {
      engine.attach(id, streams, false, stop, ready);
    } catch (const std::exception&) {  // the exit code tells
    }
    ready();
  });
  const Finally end([&] { stop.request(); });
  attached.get_future().wait();
  engine.start(id);
  const int code = engine.wait(id, container::WaitCondition::not_running, stop);
  reader.join();
  return code;
}

void StageBuilder::apply(const Run& run, const Instruction&) {
  const Command command = with_heredocs(run);
  const auto words = command_words(command);
  const auto args = sorted_args(args_);
  std::string shown = command_text(command);
  if (!args.empty()) shown = fmt::format("|{} {} {}", args.size(), join(args, " "), shown);
  const RunInputs inputs{words, env_with_args(), config_.user, config_.working_dir, run.network};
  layered(run_inputs(inputs), shown,
          [&](const std::string& upper, const std::vector<std::string>& lower) {
            const int code = run_container(words, upper, lower, run.network);
            if (code == 0) return;
            throw StepFailed(
                code, fmt::format("{}:{}: The command '{}' returned a non-zero code: {}",
                                  job_.request.dockerfile, line_, command_text(command), code));
          });
}

}  // namespace slipway::build

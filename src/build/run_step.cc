// RUN: a container on the stage's layers whose upper directory becomes the next layer.
#include <filesystem>
#include <future>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/strings.h"
#include "build/run_mounts.h"
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

bool only_heredoc(const Command& command, const Heredoc& doc) {
  const auto text = trim(command.text);
  return text == "<<" + doc.name || text == "<<-" + doc.name ||
         (!doc.expand && command.text.starts_with("<<") && split_words(command.text).size() == 1);
}

std::string memory_hint(uint64_t limit) {
  if (limit == 0) return " (out of memory)";
  return fmt::format(" (out of memory: the build's limit is {} bytes, --memory)", limit);
}

void set_limits(const Request& request, container::Spec& spec) {
  spec.memory_bytes = request.memory_bytes;
  spec.memory_swap_bytes = request.memory_swap_bytes;
  spec.cpu_shares = request.cpu_shares;
  spec.cpu_quota_us = request.cpu_quota_us;
  spec.cpu_period_us = request.cpu_period_us;
  spec.cgroup_parent = request.cgroup_parent;
  spec.host.cpuset_cpus = request.cpuset_cpus;
  spec.host.cpuset_mems = request.cpuset_mems;
  spec.host.seccomp = request.seccomp;
  spec.shm_size_bytes = request.shm_size_bytes;
  spec.ulimits = request.ulimits;
  spec.extra_hosts = request.extra_hosts;
}

}  // namespace

// A heredoc that is all of the command is the script; one that is not goes to the command's input.
StageBuilder::RunCommand StageBuilder::run_command(const Run& run) const {
  RunCommand out;
  out.command = run.command;
  for (const auto& doc : run.heredocs) {
    const bool only = run.heredocs.size() == 1 && only_heredoc(run.command, doc);
    if (only && doc.content.starts_with("#!")) {
      out.script = doc.content;
      out.words = {"/dev/pipes/" + doc.name};
      return out;
    }
    out.command.text = only ? doc.content : out.command.text + "\n" + doc.content + doc.name;
  }
  out.words = command_words(out.command);
  return out;
}

container::Spec StageBuilder::run_spec(const RunCommand& command, const std::string& upper,
                                       const std::vector<std::string>& lower, const Run& run,
                                       RunMounts& mounts) const {
  container::Spec spec;
  spec.owner = "build";
  spec.lower_dirs = lower;
  spec.upper_dir = upper;
  spec.entrypoint_set = true;
  spec.cmd = command.words;
  spec.env = env_with_args();
  spec.user = config_.user;
  spec.working_dir = config_.working_dir.empty() ? "/" : config_.working_dir;
  const std::string network = expand(run.network);
  const std::string mode = network.empty() ? job_.request.network_mode : network;
  spec.network_mode = mode == "default" ? "" : mode;
  spec.privileged = run.insecure;
  set_limits(job_.request, spec);
  mounts.prepare(spec);
  if (!command.script.empty()) mounts.add_script(spec, command.words[0], command.script);
  spec.lower_dirs.insert(spec.lower_dirs.begin(), stub_layer(job_));
  return spec;
}

int StageBuilder::run_container(const container::Spec& spec) {
  container::Engine& engine = job_.deps.engine;
  const std::string id = engine.create(spec);
  const Finally remove([&] {
    try {
      engine.remove(id, true, true);
    } catch (const std::exception&) {  // gone already
    }
  });
  note(fmt::format(" ---> Running in {}\n", id.substr(0, 12)));
  Event event;
  event.kind = Event::Kind::output;
  event.stage = index_;
  event.id = id_;
  std::promise<void> attached;
  std::once_flag once;
  const auto ready = [&] { std::call_once(once, [&] { attached.set_value(); }); };
  const Stop stop = job_.stop.child();
  std::jthread reader([&] {
    container::Streams streams;
    streams.output = [&](int, std::string_view bytes) {
      event.text = bytes;
      job_.tell(event);
    };
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
  if (code != 0) out_of_memory_ = engine.inspect(id).state.oom_killed;
  reader.join();
  return code;
}

void StageBuilder::apply(const Run& run, const Instruction&) {
  if (run.insecure && !job_.request.allow_insecure)
    throw DockerfileError(line_,
                          "RUN --security=insecure is not allowed (slipway build --allow "
                          "security.insecure)");
  const RunCommand command = run_command(run);
  std::vector<RunMount> wanted;
  const auto lookup = [this](const std::string& name) { return variable(name); };
  for (const auto& text : run.mounts)  // quotes are the mount's own
    wanted.push_back(parse_run_mount(expand_text(text, lookup, job_.escape), line_));
  RunMounts mounts(job_, std::move(wanted), config_.working_dir,
                   [this](const std::string& from) { return tree_named(from); });
  const auto args = sorted_args(args_);
  std::string shown =
      command.script.empty() ? command_text(command.command) : join(command.words, " ");
  if (!args.empty()) shown = fmt::format("|{} {} {}", args.size(), join(args, " "), shown);
  LayerStep step;
  step.created_by = shown;
  step.parts = variable_parts();
  step.parts.emplace_back("command", join(command.words, " ") + command.script);
  step.parts.emplace_back("USER", config_.user);
  step.parts.emplace_back("WORKDIR", config_.working_dir);
  step.parts.emplace_back("network", run.network);
  step.inputs = [&](Parts& parts) {
    auto words = command.words;
    if (!command.script.empty()) words.push_back(command.script);
    return run_inputs({words, env_with_args(), config_.user, config_.working_dir,
                       expand(run.network), mounts.inputs(parts), run.insecure});
  };
  step.make = [&](const std::string& upper, const std::vector<std::string>& lower) {
    const int code = run_container(run_spec(command, upper, lower, run, mounts));
    if (code == 0) return;
    throw StepFailed(code,
                     fmt::format("{}:{}: The command '{}' returned a non-zero code: {}{}",
                                 job_.request.shown(), line_, command_text(command.command), code,
                                 out_of_memory_ ? memory_hint(job_.request.memory_bytes) : ""));
  };
  layered(std::move(step));
}

}  // namespace slipway::build

// The command line: options of every command, in one place, and errors as one line.
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cli/commands.h"

namespace slipway::cli {

namespace {

void add_places(CLI::App* command, daemon::Options& options) {
  command->add_option("--data-dir", options.data_dir, "where state, images and logs are kept")
      ->envname("SLIPWAY_DATA_DIR")
      ->capture_default_str();
  command->add_option("--run-dir", options.run_dir, "where sockets and pid files are")
      ->envname("SLIPWAY_RUN_DIR")
      ->capture_default_str();
}

void add_run_dir(CLI::App* command, daemon::Options& options) {
  command->add_option("--run-dir", options.run_dir, "the run directory of the daemon")
      ->envname("SLIPWAY_RUN_DIR")
      ->capture_default_str();
}

void add_up(CLI::App& app, UpCommand& up) {
  auto* command =
      app.add_subcommand("up", "start Slipway (in the foreground; Ctrl-C stops everything)");
  add_places(command, up.options);
  command->add_flag("-d,--detach", up.detach,
                    "start in the background and return when it is ready");
  command->add_option("--listen", up.options.listen, "address of the AWS APIs and the registry")
      ->capture_default_str();
  command->add_option("--port", up.options.port, "their port")->capture_default_str();
  command->add_option("--region", up.options.region, "the region that `slipway env` sets")
      ->capture_default_str();
  command->add_option("--account", up.options.account, "the account id")
      ->check(CLI::Number)
      ->capture_default_str();
  command->add_option("--log-file", up.options.log_file,
                      "write the daemon's log there instead of stderr");
  command->add_option("--registry-mirror", up.options.registry_mirrors,
                      "ask this registry before Docker Hub (an http or https address; several are "
                      "asked in order)");
  command
      ->add_option("--build-cache", up.options.build_cache_bytes,
                   "the most that the build cache may keep (10GB, 512MB)")
      ->envname("SLIPWAY_BUILD_CACHE")
      ->transform(CLI::AsSizeValue(false));
  command->add_option("--insecure-registry", up.options.insecure_registries,
                      "speak plain HTTP with this registry (host or host:port)");
  command->add_flag("--debug", up.options.debug, "log more");
}

void add_down(CLI::App& app, DownCommand& down) {
  auto* command = app.add_subcommand("down", "stop everything that Slipway runs; the data stays");
  add_places(command, down.options);
  command->add_flag("--delete-data", down.delete_data, "delete the data too");
}

void add_build_limits(CLI::App* command, BuildCommand& build) {
  command->add_option("-m,--memory", build.memory, "limit of each RUN (512m, 2g)");
  command->add_option("--memory-swap", build.memory_swap, "the same with swap; -1: no limit");
  command->add_option("--shm-size", build.shm_size, "size of /dev/shm of each RUN");
  command->add_option("--cpu-period", build.cpu_period, "of each RUN, in microseconds")
      ->check(CLI::Number);
  command->add_option("--cpu-quota", build.cpu_quota, "of each RUN, in microseconds a period")
      ->check(CLI::Number);
  command->add_option("-c,--cpu-shares", build.cpu_shares, "the weight of each RUN")
      ->check(CLI::Number);
  command->add_option("--cpuset-cpus", build.cpuset_cpus, "processors of each RUN (0-2,4)");
  command->add_option("--cpuset-mems", build.cpuset_mems, "memory nodes of each RUN (0,1)");
  command->add_option("--cgroup-parent", build.cgroup_parent, "the cgroup above each RUN's");
  command->add_option("--ulimit", build.ulimits, "NAME=SOFT[:HARD], for RUN");
  command->add_option("--security-opt", build.security, "seccomp=FILE or seccomp=unconfined");
}

void add_build_modes(CLI::App* command, BuildCommand& build) {
  command->add_option("--iidfile", build.id_file, "write the image's id to this file");
  command->add_option("--progress", build.progress, "auto, plain, tty or quiet")
      ->check(CLI::IsMember({"auto", "plain", "tty", "quiet"}))
      ->capture_default_str();
  command->add_option("--compression", build.compression, "of layers: gzip or zstd")
      ->check(CLI::IsMember({"gzip", "zstd"}))
      ->capture_default_str();
  command->add_flag("--no-cache", build.no_cache, "run every step");
  command->add_option("--no-cache-filter", build.no_cache_stages, "run every step of this stage");
  command->add_flag("--pull", build.pull, "look for newer base images");
  command->add_flag("--explain", build.explain, "say why a step was not taken from the cache");
  command->add_flag("-q,--quiet", build.quiet, "print only the image's id");
}

void add_cache_to(CLI::App* command, BuildCommand& build) {
  command
      ->add_option_function<std::string>(
          "--cache-to",
          [&build](const std::string& value) {
            if (value != "type=inline")
              build.refused.emplace_back(
                  "--cache-to: not needed: every image carries what --cache-from wants");
          },
          "type=inline")
      ->group("");
}

// What docker build or buildx have and this builder has not: known, so that the answer says why.
void add_refused(CLI::App* command, BuildCommand& build) {
  const auto refuse = [&](const char* name, const char* why) {
    command
        ->add_option_function<std::string>(
            name,
            [&build, name, why](const std::string& value) {
              const bool off = value == "false" || value == "0";
              if (!off) build.refused.push_back(fmt::format("{}: {}", name, why));
            },
            why)
        ->group("");
  };
  const auto refuse_flag = [&](const char* name, const char* why) {
    command
        ->add_flag_callback(
            name,
            [&build, name, why] { build.refused.push_back(fmt::format("{}: {}", name, why)); }, why)
        ->group("");
  };
  refuse("--annotation", "annotations are not written: use --label");
  refuse("--attest", "attestations are not made");
  refuse("--provenance", "attestations are not made (--provenance=false is fine)");
  refuse("--sbom", "attestations are not made (--sbom=false is fine)");
  refuse("--build-context", "there is one context: COPY --from takes an image or a stage");
  refuse("--builder", "there is one builder, this one");
  refuse("--metadata-file", "not written: --iidfile has the image's id");
  refuse("--call", "only building is implemented");
  refuse_flag("--check", "only building is implemented");
  refuse_flag("--push", "build with -t, then: docker push");
  refuse_flag("--squash", "an experiment of Docker's classic builder");
  for (const char* name : {"--load", "--rm", "--force-rm", "--compress"})  // as it is anyway
    command->add_flag(std::string(name))->group("");
  add_cache_to(command, build);
}

void add_build(CLI::App& app, BuildCommand& build) {
  auto* command = app.add_subcommand("build", "build an image from a Dockerfile");
  add_run_dir(command, build.options);
  command
      ->add_option(
          "path", build.path,
          "the build context: a directory, or - for an archive or a Dockerfile on standard "
          "input")
      ->required();
  command->add_option("-f,--file", build.dockerfile,
                      "the Dockerfile (default: PATH/Dockerfile); -: standard input");
  command->add_option("-t,--tag", build.tags, "a name for the image; may be repeated");
  command->add_option("-o,--output", build.outputs,
                      "the target's files instead of an image: type=local,dest=DIR or "
                      "type=tar,dest=FILE (or DIR alone, or -)");
  command->add_option("--target", build.target, "the stage to build");
  command->add_option("--build-arg", build.build_args, "NAME=VALUE, or NAME of the environment");
  command->add_option("--label", build.labels, "NAME=VALUE");
  command->add_option("--secret", build.secrets, "id=ID,src=FILE or id=ID,env=NAME");
  command->add_option("--ssh", build.ssh, "default, or ID=SOCKET of an SSH agent");
  command->add_option("--cache-from", build.cache_from, "an image whose steps may be taken over");
  command
      ->add_option("--allow", build.allow,
                   "security.insecure: allow RUN --security=insecure (network.host is allowed)")
      ->check(CLI::IsMember({"security.insecure", "network.host"}));
  command->add_option("--add-host", build.add_hosts, "NAME:ADDRESS, known to RUN");
  command->add_option("--network", build.network, "of RUN: default, host or none");
  command->add_option("--platform", build.platform, "linux/amd64");
  add_build_limits(command, build);
  add_build_modes(command, build);
  add_refused(command, build);
  for (auto* option : command->get_options())
    if (option->get_items_expected_max() > 1) option->allow_extra_args(false);
}

int dispatch(int argc, char** argv) {
  CLI::App app{
      "Slipway: the AWS container path (build, ECR, ECS, load balancer) on your own machine",
      "slipway"};
  app.require_subcommand(1);
  UpCommand up_command;
  DownCommand down_command;
  BuildCommand build_command;
  daemon::Options where;
  bool json = false;
  add_up(app, up_command);
  add_build(app, build_command);
  add_down(app, down_command);
  auto* status_app = app.add_subcommand("status", "what runs, in human words");
  add_run_dir(status_app, where);
  status_app->add_flag("--json", json, "for programs");
  auto* env_app =
      app.add_subcommand("env", "print the exports for aws, docker, boto3 and Terraform");
  add_run_dir(env_app, where);
  auto* aws_app =
      app.add_subcommand("aws", "run the aws CLI against Slipway, whatever its version");
  aws_app->prefix_command();
  app.add_subcommand("version", "print the version");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  if (app.got_subcommand("up")) return up(up_command, "/proc/self/exe");
  if (app.got_subcommand("down")) return down(down_command);
  if (app.got_subcommand("build")) return build(build_command);
  if (app.got_subcommand("status")) return status(where, json);
  if (app.got_subcommand("env")) return env(where);
  if (app.got_subcommand("aws")) {
    if (const char* run_dir = std::getenv("SLIPWAY_RUN_DIR")) where.run_dir = run_dir;
    return aws(where, aws_app->remaining());
  }
  return version();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return dispatch(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "slipway: {}\n", e.what());
    return 1;
  }
}

}  // namespace slipway::cli

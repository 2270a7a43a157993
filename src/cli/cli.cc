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
  command->add_flag("--debug", up.options.debug, "log more");
}

int dispatch(int argc, char** argv) {
  CLI::App app{
      "Slipway: the AWS container path (build, ECR, ECS, load balancer) on your own machine",
      "slipway"};
  app.require_subcommand(1);
  UpCommand up_command;
  DownCommand down_command;
  daemon::Options where;
  bool json = false;
  add_up(app, up_command);
  auto* down_app = app.add_subcommand("down", "stop everything that Slipway runs; the data stays");
  add_places(down_app, down_command.options);
  down_app->add_flag("--delete-data", down_command.delete_data, "delete the data too");
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

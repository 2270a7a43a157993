// jewelry: the shop as a program. Without arguments it serves; --seed PATH makes a database file,
// --check asks a running shop on this host whether it is well, --version prints the version.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

#include "app/shop.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"

namespace {

using namespace std::chrono_literals;

std::string environment(const char* name, const std::string& fallback) {
  const char* value = std::getenv(name);
  return value && *value ? value : fallback;
}

uint16_t port() {
  const auto value = slipway::parse_uint(environment("PORT", "8080"));
  if (!value || *value > 65535) throw slipway::invalid_argument("PORT must be a number to 65535");
  return static_cast<uint16_t>(*value);
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

// The task's id from the ECS metadata endpoint, or the host's name.
std::string task_id() {
  const std::string uri = environment("ECS_CONTAINER_METADATA_URI_V4", "");
  if (uri.empty()) return host_name();
  try {
    slipway::net::ClientRequest request;
    request.url = uri + "/task";
    request.connect_timeout = 1s;
    request.idle_timeout = 1s;
    const auto response = slipway::net::request(request);
    const auto task = slipway::parse_json(response->read_all(1 << 20), "task metadata");
    const auto arn = task.value("TaskARN", std::string());
    if (response->status() == 200 && !arn.empty()) return arn.substr(arn.rfind('/') + 1);
  } catch (const std::exception& e) {
    slipway::log::warning("shop", "no task metadata: {}", e.what());
  }
  return host_name();
}

int check() {
  slipway::net::ClientRequest request;
  request.url = fmt::format("http://127.0.0.1:{}/healthz", port());
  request.connect_timeout = 2s;
  request.idle_timeout = 2s;
  const int status = slipway::net::request(request)->status();
  if (status == 200) return 0;
  std::fprintf(stderr, "jewelry: /healthz answered %d\n", status);
  return 1;
}

int seed(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) slipway::make_directories(folder.string());
  {
    const auto database = jewelry::open_database("sqlite://" + path);
    jewelry::prepare(*database);
  }
  std::printf("jewelry: %s is ready\n", path.c_str());
  return 0;
}

int serve() {
  // Before any thread: all of them must leave these signals to sigwait.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const jewelry::Identity identity{environment("SHOP_VERSION", "dev"), task_id()};
  jewelry::Shop shop(jewelry::open_database(environment("DATABASE_URL", "sqlite:///data/shop.db")),
                     identity);
  const uint16_t bound = shop.listen(environment("ADDRESS", "0.0.0.0"), port());
  std::printf("jewelry %s listens on port %u (%s, task %s)\n", identity.version.c_str(), bound,
              shop.database().kind(), identity.host.c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  std::printf("jewelry: draining\n");
  std::fflush(stdout);
  const bool clean = shop.drain(std::chrono::steady_clock::now() + 15s);
  std::printf("jewelry: %s\n", clean ? "all requests answered, goodbye" : "requests were cut off");
  return clean ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  try {
    if (command.empty()) return serve();
    if (command == "--check" && argc == 2) return check();
    if (command == "--seed" && argc == 3) return seed(argv[2]);
    if (command == "--version" && argc == 2) {
      std::printf("%s\n", environment("SHOP_VERSION", "dev").c_str());
      return 0;
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "jewelry: %s\n", e.what());
    return 1;
  }
  std::fprintf(stderr,
               "usage: jewelry [--seed PATH | --check | --version]\n"
               "environment: PORT (8080), ADDRESS, DATABASE_URL, SHOP_VERSION\n");
  return 2;
}

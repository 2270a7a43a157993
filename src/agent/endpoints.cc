#include "agent/endpoints.h"

#include "agent/metadata.h"
#include "agent/stats.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "codec/json.h"
#include "linux/links.h"
#include "linux/netns.h"
#include "linux/nft.h"
#include "net/http.h"

namespace slipway::agent {
namespace {

constexpr const char* address = "169.254.170.2";
// Port 80 of that address is led here: a socket that listened on port 80 itself would keep the
// task's own server from binding 0.0.0.0:80.
constexpr uint16_t hidden_port = 51679;
constexpr const char* endpoint_table_name = "slipway_endpoint";

std::string redirect_rules() {
  const auto rule = fmt::format("ip daddr {0} tcp dport 80 dnat to {0}:{1}", address, hidden_port);
  return fmt::format(
      " chain here {{ type nat hook output priority -100; {0}; }}\n"
      " chain in {{ type nat hook prerouting priority -100; {0}; }}\n",
      rule);
}

// In the calling thread's namespace.
Fd open_socket() {
  linux::Links().add_address("lo", std::string(address) + "/32");
  linux::Nft().make_table("ip", endpoint_table_name, redirect_rules());
  return linux::listen_tcp_socket(address, hidden_port);
}

void answer(net::Exchange& exchange, int status, const std::string& body) {
  exchange.respond(status, {{"Content-Type", "application/json"}}, body);
}

void refuse(net::Exchange& exchange, int status, const std::string& code,
            const std::string& message) {
  answer(exchange, status,
         Json{{"code", code}, {"message", message}, {"HTTPErrorCode", status}}.dump());
}

net::ServerOptions small_server() {
  net::ServerOptions options;
  options.max_head_bytes = 16 * 1024;
  options.max_connections = 64;
  return options;
}

}  // namespace

struct Endpoints::Impl {
  Impl(container::Engine& runtime, Credentials role) : engine(runtime), credentials(role) {}

  struct Entry {
    std::function<TaskRecord()> snapshot;
    std::shared_ptr<net::Server> server;  // none: uses the host's
  };
  container::Engine& engine;
  const Credentials credentials;
  std::mutex mutex;
  std::map<std::string, Entry> tasks;
  std::shared_ptr<net::Server> host_server;

  void serve(net::Exchange& exchange, const std::string& only_task);
  void serve_container(net::Exchange& exchange, const TaskRecord& task, size_t container,
                       const std::string& rest);
  void serve_credentials(net::Exchange& exchange, const std::vector<TaskRecord>& tasks,
                         const std::string& id);
  std::vector<TaskRecord> visible(const std::string& only_task);
  ContainerFacts facts(const TaskRecord& task, size_t container);
  std::shared_ptr<net::Server> make_host_server();
};

Endpoints::Endpoints(container::Engine& engine, Credentials credentials)
    : impl_(std::make_unique<Impl>(engine, std::move(credentials))) {}

Endpoints::~Endpoints() = default;

std::vector<TaskRecord> Endpoints::Impl::visible(const std::string& only_task) {
  std::vector<std::function<TaskRecord()>> sources;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [id, entry] : tasks) {
      if (only_task.empty() ? entry.server == nullptr : id == only_task)
        sources.push_back(entry.snapshot);
    }
  }
  std::vector<TaskRecord> records;
  for (const auto& source : sources) records.push_back(source());
  return records;
}

ContainerFacts Endpoints::Impl::facts(const TaskRecord& task, size_t container) {
  ContainerFacts facts;
  const auto& id = task.containers[container].engine_id;
  if (const auto info = id.empty() ? std::nullopt : engine.find(id)) {
    facts.created = info->created;
    facts.memory_limit_bytes = info->spec.memory_bytes;
  }
  return facts;
}

void Endpoints::Impl::serve_credentials(net::Exchange& exchange,
                                        const std::vector<TaskRecord>& tasks,
                                        const std::string& id) {
  for (const auto& task : tasks) {
    if (task.credentials_id.empty() || task.credentials_id != id) continue;
    return answer(exchange, 200, credentials(task.spec.task_role_arn, task.spec.arn));
  }
  refuse(exchange, 400, "InvalidIdInRequest", "no task here has credentials of that id");
}

void Endpoints::Impl::serve_container(net::Exchange& exchange, const TaskRecord& task,
                                      size_t container, const std::string& rest) {
  std::vector<ContainerFacts> all;
  for (size_t i = 0; i < task.containers.size(); ++i) all.push_back(facts(task, i));
  if (rest.empty()) {
    return answer(exchange, 200, container_metadata(task, container, all[container]).dump());
  }
  if (rest == "task" || rest == "taskWithTags")
    return answer(exchange, 200, task_metadata(task, all, rest != "task").dump());
  if (rest == "stats")
    return answer(exchange, 200, container_stats(engine, task.containers[container]).dump());
  if (rest == "task/stats") {
    Json stats = Json::object();
    for (const auto& one : task.containers)
      stats[one.status.runtime_id] = container_stats(engine, one);
    return answer(exchange, 200, stats.dump());
  }
  refuse(exchange, 404, "NotFound", "no such path of the task metadata endpoint");
}

void Endpoints::Impl::serve(net::Exchange& exchange, const std::string& only_task) {
  const auto& request = exchange.request();
  if (request.method != "GET") return refuse(exchange, 405, "MethodNotAllowed", "only GET");
  auto parts = split(request.path, '/');  // "", "v4", token, rest...
  while (parts.size() > 1 && parts.back().empty()) parts.pop_back();
  const auto tasks = visible(only_task);
  if (parts.size() == 4 && parts[1] == "v2" && parts[2] == "credentials")
    return serve_credentials(exchange, tasks, parts[3]);
  if (parts.size() >= 3 && (parts[1] == "v4" || parts[1] == "v3")) {
    const std::vector<std::string> rest(parts.begin() + 3, parts.end());
    for (const auto& task : tasks) {
      for (size_t i = 0; i < task.containers.size(); ++i) {
        if (task.containers[i].token == parts[2])
          return serve_container(exchange, task, i, join(rest, "/"));
      }
    }
  }
  refuse(exchange, 404, "NotFound", "no such container or path");
}

std::shared_ptr<net::Server> Endpoints::Impl::make_host_server() {
  auto server = std::make_shared<net::Server>(
      [this](net::Exchange& exchange) { serve(exchange, {}); }, small_server());
  server->listen_fd(open_socket(), "task metadata");
  return server;
}

void Endpoints::open(const std::string& task_id, const std::string& netns_path,
                     std::function<TaskRecord()> snapshot) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->tasks.contains(task_id)) return;
  Impl::Entry entry;
  entry.snapshot = std::move(snapshot);
  if (netns_path.empty()) {
    if (!impl_->host_server) impl_->host_server = impl_->make_host_server();
  } else {
    entry.server = std::make_shared<net::Server>(
        [this, task_id](net::Exchange& exchange) { impl_->serve(exchange, task_id); },
        small_server());
    Fd socket;
    linux::in_netns(netns_path, [&] { socket = open_socket(); });
    entry.server->listen_fd(std::move(socket), "task " + task_id);
  }
  impl_->tasks[task_id] = std::move(entry);
}

void Endpoints::close(const std::string& task_id) {
  Impl::Entry closed;  // ends its threads without the lock, which they may want
  {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->tasks.find(task_id);
    if (found == impl_->tasks.end()) return;
    closed = std::move(found->second);
    impl_->tasks.erase(found);
  }
  if (closed.server) closed.server->stop();
}

void Endpoints::tear_down() {
  std::shared_ptr<net::Server> server;
  {
    const std::lock_guard lock(impl_->mutex);
    server = std::move(impl_->host_server);
  }
  if (server) server->stop();
  linux::Nft().delete_table("ip", endpoint_table_name);
  linux::Links().remove_address("lo", std::string(address) + "/32");
}

}  // namespace slipway::agent

// Owns the one HAProxy: starts it (in a session of its own, so that it outlives us), finds it again
// after a restart, reloads it without refusing a connection, updates targets in place, ends it.
// Not thread-safe: one loop owns it.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "haproxy/master_socket.h"
#include "haproxy/model.h"
#include "haproxy/render.h"
#include "linux/process.h"

namespace slipway::haproxy {

struct SupervisorOptions {
  std::string directory;            // ours alone: configuration, pages, sockets, log
  std::string program = "haproxy";  // looked up in PATH
  int threads = 2;
};

struct SlotChange {
  std::string group;  // TargetGroup::id
  size_t slot = 0;
  Slot value;
  bool cut = false;  // also end the connections it still serves
};

class Supervisor {
 public:
  explicit Supervisor(SupervisorOptions options);
  ~Supervisor();  // leaves HAProxy running
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  RenderOptions render_options() const;
  // The structure that is being served; nullopt when no HAProxy runs.
  std::optional<std::string> running();
  // Checks the configuration, then starts or reloads; returns once the new worker listens. Throws
  // Error(unavailable) with HAProxy's own words; what ran before keeps running.
  void apply(const Rendered& rendered);
  // The servers of the current worker: group id -> slots in order.
  std::map<std::string, std::vector<Slot>> servers() const;
  // "address:port" of everything it listens on.
  std::set<std::string> binds();
  // Cheaper than running(): is there a process?
  bool alive() { return process_runs(); }
  // Tells the current worker; replaced ones pass new requests on to it.
  void update(const std::vector<SlotChange>& changes) const;
  // Ends HAProxy and its connections. Idempotent.
  void stop();
  // True when nothing else listens there (ports that our HAProxy holds count as free for it).
  static bool can_bind(const std::string& address, uint16_t port);

 private:
  void start(const Rendered& rendered);
  void reload(const Rendered& rendered);
  void write_pages(const Rendered& rendered) const;
  void remove_old_pages(const Rendered& rendered) const;
  void validate(const std::string& config) const;
  bool process_runs();
  // A command whose answer is nothing.
  void tell(const std::string& command) const;
  void wait_for_structure(const std::string& structure, std::optional<int> failed_before);
  std::string log_tail() const;

  SupervisorOptions options_;
  MasterSocket master_;
  std::string user_, group_;
  std::optional<linux::Process> child_;
};

}  // namespace slipway::haproxy

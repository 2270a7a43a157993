// The load balancers as HAProxy must serve them: plain data, filled in by the owner (elb/), read by
// render.h. Every string may come from an API caller and is hostile until render has encoded it.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace slipway::haproxy {

enum class Field { host, path, method, header, query, source_ip };

// Values are alternatives (OR). '*' and '?' are wildcards in host, path, header and query.
struct Condition {
  Field field = Field::path;
  std::string header_name;                                                     // Field::header
  std::vector<std::string> values;                                             // all but query
  std::vector<std::pair<std::optional<std::string>, std::string>> key_values;  // Field::query
};

struct WeightedGroup {
  std::string group;  // TargetGroup::id
  uint32_t weight = 1;
};
struct Forward {
  std::vector<WeightedGroup> groups;
  std::optional<std::chrono::seconds> sticky;  // the client keeps its group this long
};
struct FixedResponse {
  int status = 200;
  std::string content_type;
  std::string body;
};
// Each part may hold #{protocol} #{host} #{port} #{path} #{query}.
struct Redirect {
  int status = 302;
  std::string protocol = "#{protocol}", host = "#{host}", port = "#{port}", path = "/#{path}",
              query = "#{query}";
};
using Action = std::variant<Forward, FixedResponse, Redirect>;

struct Rule {
  std::vector<Condition> conditions;  // all must hold
  Action action;
};
struct Listener {
  uint16_t port = 80;
  std::vector<Rule> rules;  // in the order of their priority
  Action default_action;
  bool server_header = true;  // "Server: awselb/2.0" on what the balancer answers itself
};

enum class ForwardedFor { append, preserve, remove };
struct LoadBalancer {
  std::string id;        // [A-Za-z0-9_.-]
  std::string address;   // its own 127/8 address
  std::string dns_name;  // also served on 127.0.0.1, chosen by Host
  std::vector<Listener> listeners;
  std::chrono::seconds idle_timeout{60};
  ForwardedFor forwarded_for = ForwardedFor::append;
  bool forwarded_for_port = false;
  bool preserve_host = false;
  bool drop_invalid_headers = false;
};

// One place for a target; targets come and go by the runtime socket, slots only by a reload.
struct Slot {
  std::string address;  // empty: free
  uint16_t port = 0;
  bool up = false;  // gets new requests
  bool operator==(const Slot&) const = default;
};
enum class Algorithm { round_robin, least_outstanding_requests, random };
struct TargetGroup {
  std::string id;  // [A-Za-z0-9_.-]
  Algorithm algorithm = Algorithm::round_robin;
  std::optional<std::chrono::seconds> sticky;  // AWSALB cookie
  std::chrono::seconds idle_timeout{60};
  std::vector<Slot> slots;
};

struct Model {
  std::vector<LoadBalancer> load_balancers;
  std::vector<TargetGroup> target_groups;
  std::set<uint16_t> shared_ports;  // served on 127.0.0.1 too
};

}  // namespace slipway::haproxy

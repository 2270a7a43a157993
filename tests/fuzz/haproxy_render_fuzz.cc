// Rules with arbitrary bytes as values: the configuration keeps its lines, whatever they hold.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "base/strings.h"
#include "haproxy/master_socket.h"
#include "haproxy/render.h"

namespace {

using namespace slipway;
using namespace slipway::haproxy;

Model model_of(const std::vector<std::string>& parts) {
  const auto part = [&](size_t i) { return parts[i % parts.size()]; };
  LoadBalancer balancer;
  balancer.id = "shop";
  balancer.address = "127.64.0.1";
  balancer.dns_name = "shop.elb.localhost";
  Listener listener;
  listener.default_action = Forward{{{"web", 1}}, {}};
  listener.rules = {
      {{{Field::path, {}, {part(0), part(1)}, {}}}, FixedResponse{200, "text/plain", part(2)}},
      {{{Field::host, {}, {part(3)}, {}}, {Field::header, "X-Any", {part(4)}, {}}},
       Forward{{{"web", 1}}, {}}},
      {{{Field::query, {}, {}, {{part(5), part(6)}}}},
       Redirect{301, "HTTPS", part(7), "443", "/" + part(8), part(9)}}};
  balancer.listeners = {listener};
  Model model;
  model.load_balancers = {balancer};
  model.target_groups = {{"web", {}, {}, std::chrono::seconds(60), {{}, {}}}};
  model.shared_ports = {80};
  return model;
}

size_t line_count(const Model& model) {
  return split(render(model, {"/run/files", 2, 1000, "", ""}).config, '\n').size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  parse_processes(text);
  parse_servers(text);
  const auto parts = split(text, '|');
  // A redirect whose query is exactly the default takes one line more in each of two frontends.
  static const size_t expected = line_count(model_of({"a"}));
  try {
    const size_t lines = line_count(model_of(parts));
    if (lines != expected && lines != expected + 2) std::abort();
  } catch (const Error&) {
    // refused: fine
  }
  return 0;
}

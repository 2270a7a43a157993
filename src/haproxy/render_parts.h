// The pieces render.cc is made of. Not for callers outside haproxy/.
#pragma once
#include <string>
#include <vector>

#include "haproxy/model.h"
#include "haproxy/render.h"

namespace slipway::haproxy {

// Collects lines and files.
struct Text {
  const RenderOptions& options;
  std::string lines;
  std::map<std::string, std::string> files;

  void line(const std::string& text) { lines += "    " + text + "\n"; }
  // As line, with " if <condition>" unless the condition is empty.
  void line_if(const std::string& text, const std::string& condition) {
    line(condition.empty() ? text : text + " if " + condition);
  }
  void section(const std::string& head) { lines += "\n" + head + "\n"; }
  // Keeps the bytes as a file and returns its quoted path.
  std::string file(std::string_view bytes);
};

// The page that AWS answers by itself: "<status> <reason>".
std::string page(int status);
std::string reason(int status);

// Declares acls named <name>c<n> and returns the condition "<name>c0 <name>c1".
std::string render_conditions(Text& out, const std::string& name,
                              const std::vector<Condition>& conditions);
// Whether one of these or a Location asks for txn.host, the host's name: then it must be set first.
bool asks_for_host(const Listener& listener);
// The log-format text of a redirect's Location; without_query leaves the query out.
std::string redirect_location(const Redirect& redirect, uint16_t port, bool without_query);
// One frontend on the balancer's own address.
void render_own_frontend(Text& out, const LoadBalancer& balancer, const Listener& listener);
// One frontend on 127.0.0.1 for all that listen on the port.
void render_shared_frontend(Text& out, const std::vector<const LoadBalancer*>& balancers,
                            uint16_t port);

}  // namespace slipway::haproxy

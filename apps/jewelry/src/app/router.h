// Routes, problem documents (RFC 9457) and access-log lines: what every module's HTTP face needs.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "codec/form.h"
#include "codec/json.h"
#include "net/http.h"

namespace jewelry {

using slipway::Json;

struct Call {
  const slipway::net::Request& request;
  std::map<std::string, std::string> path;  // {name} parts, decoded
  slipway::Pairs query;
  std::string body;
};

struct Answer {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  slipway::net::Headers headers{};
};

Answer json(const Json& value, int status = 200);

// An answer that refuses; becomes application/problem+json.
struct Problem : std::runtime_error {
  Problem(int status_in, std::string code_in, const std::string& detail, Json more_in = {})
      : std::runtime_error(detail),
        status(status_in),
        code(std::move(code_in)),
        more(std::move(more_in)) {}
  int status;
  std::string code;
  Json more;
};
Answer answer_of(const Problem& problem, const std::string& path);

class Router {
 public:
  using Action = std::function<Answer(const Call&)>;
  // pattern: "/api/v1/products/{id}"
  void add(std::string method, const std::string& pattern, Action action);
  // Finds the route, reads the body, runs the action; every failure becomes an answer.
  Answer run(slipway::net::Exchange& exchange) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> parts;
    Action action;
  };
  Answer dispatch(slipway::net::Exchange& exchange) const;
  std::vector<Route> routes_;
};

// One line per answer to stdout; control characters of the target are escaped.
void log_access(const slipway::net::Request& request, const Answer& answer, double milliseconds);

}  // namespace jewelry

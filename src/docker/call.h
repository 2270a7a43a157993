// One API call on its way through a handler: the request taken apart, and the ways to answer it.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/form.h"
#include "codec/json.h"
#include "docker/api.h"

namespace slipway::docker {

struct Call {
  net::Exchange& exchange;
  const Deps& deps;
  int minor = kMaxMinor;  // of the API version that was asked for
  Pairs query;
  std::map<std::string, std::string> vars;  // {name} parts of the route

  const std::string& var(const std::string& name) const { return vars.at(name); }
  std::string text(std::string_view key, std::string_view fallback = {}) const {
    return query_value(query, key, fallback);
  }
  bool flag(std::string_view key, bool fallback = false) const;
  std::optional<int64_t> number(std::string_view key) const;  // throws when not a number
  // The body as a JSON object; empty body: {}.
  Json body() const;

  // Headers of every answer of the reference.
  net::Headers headers(std::string_view content_type = {}) const;
  void json(int status, const Json& value) const;
  void empty(int status) const { exchange.respond(status, headers(), {}); }
};

// The wire form of an Error, in one place.
int status_of(const Error& error);
Json error_body(std::string_view message);
// JSON for the wire: bytes that are not UTF-8 (from a container's world) are replaced.
std::string dump(const Json& value);

// A stream of JSON objects, one a line (pull, push, build, events): the head is sent with the
// first, so that an error before it still gets a status of its own.
class JsonLines {
 public:
  explicit JsonLines(const Call& call) : call_(call) {}
  void write(const Json& value);
  // Ends the answer, having begun it if need be.
  void finish();
  // {"errorDetail": {...}, "error": ...} when lines have been sent; otherwise rethrows.
  void fail(const Error& error, int code = 0);
  bool begun() const { return call_.exchange.begun(); }
  void begin();

 private:
  const Call& call_;
};

}  // namespace slipway::docker

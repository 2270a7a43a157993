// Routing, authentication and error bodies of the registry. What each resource does stands in
// blobs.cc and manifests.cc.
#include "registry/server.h"

#include "base/log.h"
#include "base/strings.h"
#include "codec/hash.h"
#include "codec/json.h"
#include "registry/call.h"
#include "registry/errors.h"

namespace slipway::registry {

namespace {

Wire wire_of(Kind kind) {
  switch (kind) {
    case Kind::not_found:
      return {404, "UNKNOWN"};
    case Kind::invalid_argument:
      return {400, "UNSUPPORTED"};
    case Kind::too_large:
      return {413, "SIZE_INVALID"};
    default:
      return {500, "UNKNOWN"};
  }
}

std::string error_body(const char* code, std::string_view message, const std::string& detail) {
  Json error = {{"code", code}, {"message", message}};
  if (!detail.empty()) error["detail"] = detail;
  return Json{{"errors", Json::array({error})}}.dump(-1, ' ', false,
                                                     Json::error_handler_t::replace);
}

void respond_error(net::Exchange& http, Wire wire, const std::string& message,
                   const std::string& detail = {}) {
  http.respond(wire.status, with_version({{"Content-Type", "application/json; charset=utf-8"}}),
               error_body(wire.code, message, detail));
}

// As ECR answers: no JSON, and a challenge that docker's error text comes from.
void respond_unauthorized(net::Exchange& http) {
  const auto host = http.request().headers.get("Host");
  http.respond(
      401,
      with_version(
          {{"Content-Type", "text/plain; charset=utf-8"},
           {"WWW-Authenticate",
            fmt::format("Basic realm=\"https://{}/\",service=\"ecr.amazonaws.com\"", host)}}),
      "Not Authorized");
}

Principal authenticate(const Tokens& tokens, std::string_view authorization) {
  const auto [scheme, value] = split_once(authorization, ' ');
  if (!iequals(scheme, "Basic"))
    throw RegistryError(Code::unauthorized, Kind::unauthorized, "Not Authorized");
  std::string decoded;
  try {
    decoded = base64_decode(trim(value));
  } catch (const Error&) {
    throw RegistryError(Code::unauthorized, Kind::unauthorized, "Not Authorized");
  }
  const auto [user, password] = split_once(decoded, ':');
  return tokens.verify(user, password);
}

Scope scope_of(const net::Request& request, const Scope& fallback) {
  const std::string host(request.headers.get("Host"));
  return parse_domain(to_lower(split_once(host, ':').first)).value_or(fallback);
}

void dispatch(Call& call) {
  switch (call.route.resource) {
    case Resource::base:
      return answer_json(call, 200, "{}");
    case Resource::catalog:
      return serve_catalog(call);
    case Resource::uploads:
      return serve_uploads(call);
    case Resource::upload:
      return serve_upload(call);
    case Resource::blob:
      return serve_blob(call);
    case Resource::manifest:
      return serve_manifest(call);
    case Resource::tags:
      return serve_tags(call);
    case Resource::referrers:
      return serve_referrers(call);
  }
}

void serve(const ServerDeps& deps, net::Exchange& http) {
  const auto& request = http.request();
  Call call{http, deps, {}, {}, scope_of(request, deps.default_scope), {}, nullptr};
  call.principal = authenticate(deps.tokens, request.headers.get("Authorization"));
  const auto route = parse_route(request.path);
  if (!route)
    throw RegistryError(
        Code::unsupported, Kind::not_found,
        fmt::format("{} {} is not part of the registry protocol", request.method, request.path));
  call.route = *route;
  call.query = parse_query(request.query);
  if (call.principal.account != call.scope.account)
    throw RegistryError(Code::denied, Kind::forbidden,
                        fmt::format("User: {} is not authorized to use the registry with id '{}'",
                                    call.principal.arn, call.scope.account));
  if (route->resource != Resource::base && route->resource != Resource::catalog) {
    if (!valid_repository_name(route->name))
      throw RegistryError(
          Code::name_invalid, Kind::invalid_argument,
          fmt::format("'{}' is not a valid repository name", route->name.substr(0, 300)));
    deps.store.read([&](const store::Reader& db) {
      call.repository = get_repository(db, call.scope, route->name);
    });
  }
  dispatch(call);
}

}  // namespace

std::optional<Route> parse_route(std::string_view encoded) {
  const std::string path = percent_decode(encoded);
  if (path == "/v2" || path == "/v2/") return Route{};
  if (path.substr(0, 4) != "/v2/") return std::nullopt;
  if (path == "/v2/_catalog") return Route{Resource::catalog, "", ""};
  auto parts = split(std::string_view(path).substr(4), '/');
  const auto name_before = [&](size_t tail) {
    parts.resize(parts.size() - tail);
    return join(parts, "/");
  };
  const size_t n = parts.size();
  if (n >= 4 && parts[n - 3] == "blobs" && parts[n - 2] == "uploads") {
    const std::string id = parts[n - 1];
    return Route{id.empty() ? Resource::uploads : Resource::upload, name_before(3), id};
  }
  if (n < 3) return std::nullopt;
  const std::string kind = parts[n - 2], last = parts[n - 1];
  if (kind == "blobs" && last == "uploads") return Route{Resource::uploads, name_before(2), ""};
  if (kind == "blobs") return Route{Resource::blob, name_before(2), last};
  if (kind == "manifests") return Route{Resource::manifest, name_before(2), last};
  if (kind == "referrers") return Route{Resource::referrers, name_before(2), last};
  if (kind == "tags" && last == "list") return Route{Resource::tags, name_before(2), ""};
  return std::nullopt;
}

net::Headers with_version(net::Headers headers) {
  headers.set("Docker-Distribution-Api-Version", "registry/2.0");
  return headers;
}

void answer_json(Call& call, int status, const std::string& body, net::Headers headers) {
  if (!headers.has("Content-Type")) headers.set("Content-Type", "application/json; charset=utf-8");
  call.http.respond(status, with_version(std::move(headers)), body);
}

void method_not_allowed(const Call& call) {
  throw RegistryError(
      Code::unsupported, Kind::invalid_argument,
      fmt::format("The operation is unsupported: {} on this resource", call.method()));
}

void Server::handle(net::Exchange& http) {
  try {
    serve(deps_, http);
  } catch (const RegistryError& e) {
    if (http.begun()) throw;
    if (e.code() == Code::unauthorized) return respond_unauthorized(http);
    auto wire = wire_of(e.code());
    if (e.code() == Code::unsupported && e.kind() == Kind::not_found) wire.status = 404;
    respond_error(http, wire, e.what(), e.detail());
  } catch (const Error& e) {
    if (http.begun() || e.kind() == Kind::unavailable || e.kind() == Kind::cancelled) throw;
    const auto wire = wire_of(e.kind());
    if (wire.status == 500)
      log::error("registry", "{} {}: {}", http.request().method, http.request().path, e.what());
    respond_error(http, wire, wire.status == 500 ? "internal error" : e.what());
  }
}

}  // namespace slipway::registry

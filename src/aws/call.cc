#include "aws/call.h"

#include "base/strings.h"
#include "codec/hash.h"

namespace slipway::aws {
namespace {

// ECR takes layer parts of 20 MB as base64; CloudWatch Logs batches of 1 MiB, escaped.
size_t body_limit(const Call& call) {
  if (call.model && call.model->name == "ecr") return 32u << 20;
  return 8u << 20;
}

const ServiceModel* model_of_target(std::string_view prefix) {
  for (auto* model : all_models())
    if (!model->target_prefix.empty() && model->target_prefix == prefix) return model;
  return nullptr;
}

}  // namespace

Protocol Call::protocol() const {
  if (model) return model->protocol;
  return json ? Protocol::json : Protocol::query;
}

std::string Call::service_name() const {
  return model ? std::string(model->name) : claim.service;
}

void route_by_headers(Call& call, const net::Request& request) {
  const auto target = request.headers.get("x-amz-target");
  call.json = !target.empty();
  if (call.json) {
    auto dot = target.rfind('.');
    const auto prefix = target.substr(0, dot == target.npos ? 0 : dot);
    call.operation = target.substr(dot == target.npos ? 0 : dot + 1);
    call.model = model_of_target(prefix);
  }
  call.claim = read_claim(request);
  const ServiceModel* scoped = find_model(call.claim.service);
  if (!call.json) call.model = scoped;
  if (!call.model)
    throw common_error(call.protocol(), Common::unknown_operation,
                       fmt::format("Slipway does not offer the service '{}'.", call.claim.service));
  if (!call.json && call.model->protocol == Protocol::json)
    throw common_error(Protocol::json, Common::unknown_operation,
                       "The X-Amz-Target header is missing.");
  if (scoped != call.model)
    throw AuthError(
        Common::bad_signature,
        fmt::format("Credential should be scoped to correct service: '{}'. ", call.model->name));
}

void authenticate(Call& call, const net::Request&, const store::Store& store, TimePoint now) {
  check_time(call.claim, now);
  std::optional<Credential> found;
  store.read(
      [&](const store::Reader& db) { found = find_credential(db, call.claim.access_key_id); });
  const bool token_fits =
      found && equal_constant_time(found->session_token, call.claim.session_token);
  if (!found || !found->active || !token_fits)
    throw AuthError(Common::unknown_credentials,
                    "The security token included in the request is invalid.");
  if (found->expires && *found->expires <= now)
    throw AuthError(Common::token_expired, "The security token included in the request is expired");
  call.credential = std::move(*found);
}

std::string read_body(const Call& call, net::Exchange& exchange) {
  const size_t limit = body_limit(call);
  try {
    return exchange.read_all(limit);
  } catch (const Error& error) {
    if (error.kind() != Kind::too_large) throw;
    throw common_error(call.protocol(), Common::too_large,
                       fmt::format("The request is larger than {} bytes.", limit));
  }
}

void prove(Call& call, const net::Request& request, const std::string& body) {
  check_signature(call.claim, request, sha256_hex(body), call.credential.secret_access_key);
  call.proven = true;
}

void route_by_form(Call& call, const net::Request& request, const std::string& body) {
  if (call.model->protocol == Protocol::json) return;
  try {
    call.form = parse_query(body);
    for (auto& pair : parse_query(request.query)) call.form.push_back(std::move(pair));
  } catch (const Error& error) {
    throw ServiceError("MalformedQueryString", 400, error.what());
  }
  call.operation = query_value(call.form, "Action");
  if (call.operation.empty())
    throw ServiceError("MissingAction", 400, "The request must contain the parameter Action.");
  const std::string version = query_value(call.form, "Version");
  // Classic load balancers share the scope and differ by version alone.
  if (version != call.model->version)
    throw ServiceError("InvalidAction", 400,
                       fmt::format("Could not find operation {} for version {}",
                                   call.operation.substr(0, 64), version.substr(0, 32)));
}

}  // namespace slipway::aws

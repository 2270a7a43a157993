#include "elb/attributes.h"

#include "base/error.h"
#include "base/strings.h"

namespace slipway::elb {
namespace {

struct Attribute {
  std::string_view key, fallback;
  // "bool", "text", "0-3600" (a number), "a|b|c", "off|1-100" (a word or a number).
  std::string_view form;
  // Values that are honoured, when not all are; same notation.
  std::string_view honoured = {};
};

constexpr Attribute of_load_balancer[] = {
    {"access_logs.s3.enabled", "false", "bool", "false"},
    {"access_logs.s3.bucket", "", "text"},
    {"access_logs.s3.prefix", "", "text"},
    {"idle_timeout.timeout_seconds", "60", "1-4000"},
    {"deletion_protection.enabled", "false", "bool"},
    {"routing.http2.enabled", "true", "bool"},
    {"routing.http.drop_invalid_header_fields.enabled", "false", "bool"},
    {"routing.http.xff_client_port.enabled", "false", "bool"},
    {"routing.http.preserve_host_header.enabled", "false", "bool"},
    {"routing.http.xff_header_processing.mode", "append", "append|preserve|remove"},
    {"load_balancing.cross_zone.enabled", "true", "true"},
    {"routing.http.desync_mitigation_mode", "defensive", "monitor|defensive|strictest"},
    {"client_keep_alive.seconds", "3600", "60-604800"},
    {"waf.fail_open.enabled", "false", "bool"},
    {"routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false", "bool"},
    {"zonal_shift.config.enabled", "false", "bool"},
    {"connection_logs.s3.enabled", "false", "bool", "false"},
    {"connection_logs.s3.bucket", "", "text"},
    {"connection_logs.s3.prefix", "", "text"},
    {"health_check_logs.s3.enabled", "false", "bool", "false"},
    {"health_check_logs.s3.bucket", "", "text"},
    {"health_check_logs.s3.prefix", "", "text"},
    {"ipv6.deny_all_igw_traffic", "false", "bool"},
};

constexpr Attribute of_target_group[] = {
    {"stickiness.enabled", "false", "bool"},
    {"deregistration_delay.timeout_seconds", "300", "0-3600"},
    {"stickiness.app_cookie.cookie_name", "", "text"},
    {"stickiness.type", "lb_cookie", "lb_cookie|app_cookie", "lb_cookie"},
    {"stickiness.lb_cookie.duration_seconds", "86400", "1-604800"},
    {"slow_start.duration_seconds", "0", "0|30-900", "0"},
    {"stickiness.app_cookie.duration_seconds", "86400", "1-604800"},
    {"target_group_health.dns_failover.minimum_healthy_targets.count", "1", "off|1-1000"},
    {"target_group_health.dns_failover.minimum_healthy_targets.percentage", "off", "off|1-100"},
    {"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1", "1-1000"},
    {"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off",
     "off|1-100"},
    {"load_balancing.cross_zone.enabled", "use_load_balancer_configuration",
     "true|false|use_load_balancer_configuration", "true|use_load_balancer_configuration"},
    {"load_balancing.algorithm.type", "round_robin",
     "round_robin|least_outstanding_requests|weighted_random"},
    {"load_balancing.algorithm.anomaly_mitigation", "off", "on|off", "off"},
};

constexpr Attribute of_listener[] = {
    {"routing.http.response.server.enabled", "true", "bool"},
    {"routing.http.response.strict_transport_security.header_value", "", "text", ""},
    {"routing.http.response.access_control_allow_origin.header_value", "", "text", ""},
    {"routing.http.response.access_control_allow_methods.header_value", "", "text", ""},
    {"routing.http.response.access_control_allow_headers.header_value", "", "text", ""},
    {"routing.http.response.access_control_allow_credentials.header_value", "", "text", ""},
    {"routing.http.response.access_control_expose_headers.header_value", "", "text", ""},
    {"routing.http.response.access_control_max_age.header_value", "", "text", ""},
    {"routing.http.response.content_security_policy.header_value", "", "text", ""},
    {"routing.http.response.x_content_type_options.header_value", "", "text", ""},
    {"routing.http.response.x_frame_options.header_value", "", "text", ""},
};

std::span<const Attribute> known(Holder holder) {
  switch (holder) {
    case Holder::load_balancer:
      return of_load_balancer;
    case Holder::target_group:
      return of_target_group;
    case Holder::listener:
      return of_listener;
  }
  return {};
}

const char* noun(Holder holder) {
  switch (holder) {
    case Holder::load_balancer:
      return "Load balancer";
    case Holder::target_group:
      return "Target group";
    case Holder::listener:
      return "Listener";
  }
  return "";
}

const Attribute* find(Holder holder, std::string_view key) {
  for (auto& attribute : known(holder)) {
    if (attribute.key == key) return &attribute;
  }
  return nullptr;
}

bool fits(std::string_view form, std::string_view value) {
  if (form == "text") return value.size() <= 1024;
  if (form == "bool") return value == "true" || value == "false";
  for (auto& choice : split(form, '|')) {
    if (choice == value) return true;
    const auto [low, high] = split_once(choice, '-');
    const auto from = parse_uint(low);
    const auto to = parse_uint(high);
    const auto number = parse_uint(value);
    if (from && to && number && *number >= *from && *number <= *to) return true;
  }
  return false;
}

bool honoured(const Attribute& attribute, std::string_view value) {
  // Listener headers: an empty list of honoured values means "only the empty one".
  if (attribute.form == "text") {
    return attribute.key.find(".header_value") == std::string_view::npos || value.empty();
  }
  return attribute.honoured.empty() || fits(attribute.honoured, value);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> all_attributes(Holder holder, const Values& set) {
  std::vector<std::pair<std::string, std::string>> out;
  for (auto& attribute : known(holder)) {
    const auto found = set.find(std::string(attribute.key));
    out.emplace_back(attribute.key,
                     found == set.end() ? std::string(attribute.fallback) : found->second);
  }
  return out;
}

std::string attribute(Holder holder, const Values& set, std::string_view key) {
  const auto* known_key = find(holder, key);
  SLIPWAY_ASSERT(known_key != nullptr);
  const auto found = set.find(std::string(key));
  return found == set.end() ? std::string(known_key->fallback) : found->second;
}

int64_t number_attribute(Holder holder, const Values& set, std::string_view key) {
  return parse_int(attribute(holder, set, key)).value_or(0);
}

void change_attributes(Holder holder, Values& set,
                       const std::vector<std::pair<std::string, std::string>>& changes) {
  std::set<std::string> seen;
  for (auto& [key, value] : changes) {
    const auto* attribute = find(holder, key);
    if (!attribute) throw validation("{} attribute key '{}' is not recognized", noun(holder), key);
    if (!seen.insert(key).second) {
      throw e::InvalidConfigurationRequestException(
          fmt::format("{} attribute key '{}' is given twice", noun(holder), key));
    }
    if (!fits(attribute->form, value)) {
      throw e::InvalidConfigurationRequestException(
          fmt::format("{} attribute '{}' cannot be '{}': it must be {}", noun(holder), key, value,
                      attribute->form == "bool" ? "true|false" : attribute->form));
    }
    if (!honoured(*attribute, value)) {
      throw e::InvalidConfigurationRequestException(fmt::format(
          "{} attribute '{}' = '{}' is not supported by Slipway yet", noun(holder), key, value));
    }
    set[key] = value;
  }
}

}  // namespace slipway::elb

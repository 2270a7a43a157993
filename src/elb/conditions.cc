// Conditions of rules, in the old form and the typed one. Actions: actions.cc.
#include <arpa/inet.h>

#include "base/strings.h"
#include "elb/actions.h"

namespace slipway::elb {
namespace {

const std::vector<std::string>& values_or(const std::optional<std::vector<std::string>>& values) {
  static const std::vector<std::string> none;
  return values ? *values : none;
}

void check_values(const std::string& field, const std::vector<std::string>& values) {
  if (values.empty()) throw validation("A condition value must be specified for '{}'", field);
  for (auto& value : values) {
    if (value.empty() || value.size() > 128) {
      throw validation("A '{}' condition value must have 1 to 128 characters", field);
    }
    for (const char c : value) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        throw validation("A '{}' condition value holds a control character", field);
      }
    }
  }
}

void check_cidr(const std::string& text) {
  const auto [address, length] = split_once(text, '/');
  in6_addr raw{};
  const bool v4 = ::inet_pton(AF_INET, address.c_str(), &raw) == 1;
  const bool v6 = !v4 && ::inet_pton(AF_INET6, address.c_str(), &raw) == 1;
  const auto bits = parse_uint(length);
  if ((!v4 && !v6) || !bits || *bits > (v4 ? 32U : 128U)) {
    throw validation("The source IP '{}' must be a CIDR block", text);
  }
}

// Old form (Values) and typed form (...Config) are the same; both are shown.
template <typename Config>
void unify(e::RuleCondition& out, const e::RuleCondition& in, std::optional<Config>& to,
           const std::optional<Config>& from) {
  if (in.RegexValues || (from && from->RegexValues)) {
    throw validation("Regular expressions in '{}' conditions are not supported by Slipway yet",
                     *in.Field);
  }
  const auto& values = from && from->Values ? *from->Values : values_or(in.Values);
  check_values(*in.Field, values);
  out.Values = values;
  to.emplace().Values = values;
}

void check_header(const std::optional<e::HttpHeaderConditionConfig>& config) {
  const std::string name = config->HttpHeaderName.value_or("");
  if (config->RegexValues) {
    throw validation(
        "Regular expressions in 'http-header' conditions are not supported by Slipway "
        "yet");
  }
  if (name.empty() || name.size() > 40 || !only_alnum_and(name, "-_.") || iequals(name, "host")) {
    throw validation("'{}' is not a header name for a condition", name);
  }
  check_values("http-header", values_or(config->Values));
}

void check_methods(const std::optional<e::HttpRequestMethodConditionConfig>& config) {
  check_values("http-request-method", values_or(config->Values));
  for (auto& method : *config->Values) {
    if (method.size() > 40 || !only_alnum_and(method, "-_") || to_upper(method) != method) {
      throw validation("'{}' is not an HTTP request method: A-Z, '-' and '_'", method);
    }
  }
}

e::RuleCondition checked(const e::RuleCondition& in) {
  e::RuleCondition out;
  out.Field = in.Field;
  const std::string field = in.Field.value_or("");
  if (field == "host-header") {
    unify(out, in, out.HostHeaderConfig, in.HostHeaderConfig);
  } else if (field == "path-pattern") {
    unify(out, in, out.PathPatternConfig, in.PathPatternConfig);
  } else if (field == "http-header") {
    check_header(out.HttpHeaderConfig =
                     in.HttpHeaderConfig.value_or(e::HttpHeaderConditionConfig{}));
  } else if (field == "http-request-method") {
    check_methods(out.HttpRequestMethodConfig =
                      in.HttpRequestMethodConfig.value_or(e::HttpRequestMethodConditionConfig{}));
  } else if (field == "source-ip") {
    out.SourceIpConfig = in.SourceIpConfig.value_or(e::SourceIpConditionConfig{});
    check_values(field, values_or(out.SourceIpConfig->Values));
    for (auto& value : *out.SourceIpConfig->Values) check_cidr(value);
  } else if (field == "query-string") {
    out.QueryStringConfig = in.QueryStringConfig.value_or(e::QueryStringConditionConfig{});
    const auto& pairs = out.QueryStringConfig->Values;
    if (!pairs || pairs->empty()) throw validation("A condition value must be specified");
    for (auto& pair : *pairs) {
      check_values(field, {pair.Value.value_or("")});
      if (pair.Key) check_values(field, {*pair.Key});
    }
  } else {
    throw validation(
        "Condition field '{}' must be one of '[path-pattern, host-header, "
        "http-header, http-request-method, query-string, source-ip]'",
        field);
  }
  return out;
}

size_t value_count(const e::RuleCondition& c) {
  if (c.QueryStringConfig) return c.QueryStringConfig->Values->size();
  if (c.HttpHeaderConfig) return c.HttpHeaderConfig->Values->size();
  if (c.HttpRequestMethodConfig) return c.HttpRequestMethodConfig->Values->size();
  if (c.SourceIpConfig) return c.SourceIpConfig->Values->size();
  return c.Values->size();
}

}  // namespace

std::vector<e::RuleCondition> checked_conditions(const std::vector<e::RuleCondition>& conditions) {
  static const std::set<std::string> once = {"host-header", "path-pattern", "http-request-method",
                                             "source-ip"};
  if (conditions.empty()) throw validation("A condition must be specified");
  std::vector<e::RuleCondition> out;
  std::set<std::string> seen;
  size_t values = 0;
  for (auto& condition : conditions) {
    out.push_back(checked(condition));
    const auto& field = *out.back().Field;
    if (!seen.insert(field).second && once.contains(field)) {
      throw validation("A rule can have only one '{}' condition", field);
    }
    values += value_count(out.back());
  }
  if (values > 5) {
    throw validation("A rule can have at most 5 condition values, not {}", values);
  }
  return out;
}

}  // namespace slipway::elb

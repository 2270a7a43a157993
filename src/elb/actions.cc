// Actions of rules. Conditions: conditions.cc.
#include "elb/actions.h"

#include "base/strings.h"

namespace slipway::elb {
namespace {

void check_groups(std::vector<e::TargetGroupTuple>& groups) {
  if (groups.size() > 5) {
    throw e::TooManyActionsException("A forward action can have at most 5 target groups");
  }
  std::set<std::string> seen;
  for (auto& tuple : groups) {
    if (!tuple.TargetGroupArn) throw validation("A target group ARN must be specified");
    if (!seen.insert(*tuple.TargetGroupArn).second) {
      throw validation("Target group '{}' is specified more than once", *tuple.TargetGroupArn);
    }
    tuple.Weight = tuple.Weight.value_or(1);
    if (*tuple.Weight < 0 || *tuple.Weight > 999) {
      throw validation("The weight '{}' must be between 0 and 999", *tuple.Weight);
    }
  }
}

e::ForwardActionConfig checked_forward(const e::Action& action) {
  e::ForwardActionConfig config = action.ForwardConfig.value_or(e::ForwardActionConfig{});
  if (!config.TargetGroups || config.TargetGroups->empty()) {
    if (!action.TargetGroupArn) {
      throw validation("A target group ARN must be specified for an action of type 'forward'");
    }
    e::TargetGroupTuple tuple;
    tuple.TargetGroupArn = action.TargetGroupArn;
    config.TargetGroups = {tuple};
  } else if (action.TargetGroupArn &&
             (config.TargetGroups->size() != 1 ||
              (*config.TargetGroups)[0].TargetGroupArn != action.TargetGroupArn)) {
    throw validation(
        "You cannot specify both a target group ARN and a forward action config "
        "with different target groups");
  }
  check_groups(*config.TargetGroups);
  auto& sticky = config.TargetGroupStickinessConfig;
  if (!sticky) sticky.emplace();
  sticky->Enabled = sticky->Enabled.value_or(false);
  if (*sticky->Enabled) {
    if (!sticky->DurationSeconds || *sticky->DurationSeconds < 1 ||
        *sticky->DurationSeconds > 604800) {
      throw validation("Target group stickiness duration must be between 1 and 604800 seconds");
    }
  }
  return config;
}

// Keywords #{...} of a redirect; text outside must be printable.
void check_template(const char* what, const std::string& text) {
  static const std::set<std::string> keywords = {"#{protocol}", "#{host}", "#{port}", "#{path}",
                                                 "#{query}"};
  if (text.size() > 128) throw validation("The redirect {} has more than 128 characters", what);
  for (size_t at = 0; (at = text.find("#{", at)) != std::string::npos; ++at) {
    const size_t end = text.find('}', at);
    if (end == std::string::npos || !keywords.contains(text.substr(at, end - at + 1))) {
      throw validation("The redirect {} '{}' holds an unknown keyword", what, text);
    }
  }
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      throw validation("The redirect {} holds a control character", what);
    }
  }
}

e::RedirectActionConfig checked_redirect(const e::Action& action) {
  if (!action.RedirectConfig) {
    throw validation("A redirect action needs a RedirectConfig");
  }
  e::RedirectActionConfig config = *action.RedirectConfig;
  config.Protocol = config.Protocol.value_or("#{protocol}");
  config.Host = config.Host.value_or("#{host}");
  config.Port = config.Port.value_or("#{port}");
  config.Path = config.Path.value_or("/#{path}");
  config.Query = config.Query.value_or("#{query}");
  const auto& p = *config.Protocol;
  if (p != "HTTP" && p != "HTTPS" && p != "#{protocol}") {
    throw validation("The redirect protocol '{}' must be HTTP, HTTPS or #{{protocol}}", p);
  }
  const auto port = parse_uint(*config.Port);
  if (*config.Port != "#{port}" && (!port || *port < 1 || *port > 65535)) {
    throw validation("The redirect port '{}' must be from 1 to 65535 or #{{port}}", *config.Port);
  }
  if (config.Host->empty()) throw validation("The redirect host must not be empty");
  if (config.Path->empty() || config.Path->front() != '/') {
    throw validation("The redirect path '{}' must begin with '/'", *config.Path);
  }
  check_template("host", *config.Host);
  check_template("path", *config.Path);
  check_template("query", *config.Query);
  const std::string code = config.StatusCode.value_or("");
  if (code != "HTTP_301" && code != "HTTP_302") {
    throw validation("The redirect status code '{}' must be HTTP_301 or HTTP_302", code);
  }
  if (p != "HTTPS" && *config.Host == "#{host}" && *config.Port == "#{port}" &&
      *config.Path == "/#{path}" && *config.Query == "#{query}") {
    throw e::InvalidLoadBalancerActionException(
        "The redirect configuration is not valid because it creates a loop.");
  }
  return config;
}

e::FixedResponseActionConfig checked_fixed(const e::Action& action) {
  static const std::set<std::string> types = {
      "", "text/plain", "text/css", "text/html", "application/javascript", "application/json"};
  if (!action.FixedResponseConfig) {
    throw validation("A fixed-response action needs a FixedResponseConfig");
  }
  e::FixedResponseActionConfig config = *action.FixedResponseConfig;
  const auto code = parse_uint(config.StatusCode.value_or(""));
  const bool fits = code && ((*code >= 200 && *code < 300) || (*code >= 400 && *code < 600));
  if (!fits) {
    throw validation("The fixed-response status code '{}' must be 2XX, 4XX or 5XX",
                     config.StatusCode.value_or(""));
  }
  if (config.MessageBody.value_or("").size() > 1024) {
    throw validation("The fixed-response body has more than 1024 characters");
  }
  if (!types.contains(config.ContentType.value_or(""))) {
    throw validation(
        "The fixed-response content type '{}' is not one of text/plain, text/css, "
        "text/html, application/javascript, application/json",
        *config.ContentType);
  }
  return config;
}

e::Action checked(const e::Action& action) {
  e::Action out;
  out.Type = action.Type;
  out.Order = action.Order;
  const std::string type = action.Type.value_or("");
  if (type == "forward") {
    out.ForwardConfig = checked_forward(action);
    if (out.ForwardConfig->TargetGroups->size() == 1) {
      out.TargetGroupArn = (*out.ForwardConfig->TargetGroups)[0].TargetGroupArn;
    }
  } else if (type == "redirect") {
    out.RedirectConfig = checked_redirect(action);
  } else if (type == "fixed-response") {
    out.FixedResponseConfig = checked_fixed(action);
  } else if (type == "authenticate-oidc" || type == "authenticate-cognito" ||
             type == "jwt-validation") {
    throw e::InvalidLoadBalancerActionException("Actions of type '" + type +
                                                "' are not supported by Slipway yet");
  } else {
    throw validation("'{}' is not an action type", type);
  }
  return out;
}

}  // namespace

std::vector<e::Action> checked_actions(const std::vector<e::Action>& actions) {
  if (actions.empty()) throw validation("An action must be specified");
  if (actions.size() > 1) {
    throw e::TooManyActionsException(
        "Several actions need an authenticate action first, which Slipway does not support yet");
  }
  return {checked(actions[0])};
}

}  // namespace slipway::elb

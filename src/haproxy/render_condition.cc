// Rule conditions as HAProxy acls, and redirect locations. Literals that are plain text take the
// fast matchers (str, beg, end); everything else becomes a regular expression.
#include <arpa/inet.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"
#include "haproxy/escape.h"
#include "haproxy/render_parts.h"

namespace slipway::haproxy {
namespace {

// "<flags> -m beg 'x'" for a pattern with AWS wildcards.
std::string matcher(std::string_view pattern, bool ignore_case) {
  const std::string flag = ignore_case ? "-i " : "";
  if (pattern.empty()) return "-m reg -- '^$'";
  const size_t first = pattern.find_first_of("*?");
  if (first == std::string_view::npos && is_plain(pattern)) {
    return flag + "-m str -- " + single_quoted(pattern);
  }
  if (pattern.find_first_not_of('*') == std::string_view::npos && !pattern.empty()) {
    return "-m found";
  }
  const auto head = pattern.substr(0, pattern.size() - 1);
  if (first == pattern.size() - 1 && pattern.back() == '*' && is_plain(head)) {
    return flag + "-m beg -- " + single_quoted(head);
  }
  const auto tail = pattern.substr(1);
  if (pattern.front() == '*' && is_plain(tail)) return flag + "-m end -- " + single_quoted(tail);
  return flag + "-m reg -- " + single_quoted("^" + wildcard_regex(pattern) + "$");
}

std::string query_regex(const std::optional<std::string>& key, const std::string& value) {
  const std::string name =
      key ? wildcard_regex(*key, "[^&=]*", "[^&=]", true) + "=" : std::string("(?:[^&=]*=)?");
  return "(?:^|&)" + name + wildcard_regex(value, "[^&]*", "[^&]", true) + "(?:&|$)";
}

std::string checked_cidr(const std::string& text) {
  const auto [address, length] = split_once(text, '/');
  in6_addr raw{};
  const bool v4 = inet_pton(AF_INET, address.c_str(), &raw) == 1;
  const bool v6 = !v4 && inet_pton(AF_INET6, address.c_str(), &raw) == 1;
  const auto bits = parse_uint(length.empty() ? (v4 ? "32" : "128") : length);
  if ((!v4 && !v6) || !bits || *bits > (v4 ? 32u : 128u)) {
    throw invalid_argument("'{}' is not a CIDR block", text);
  }
  return fmt::format("{}/{}", address, *bits);
}

std::string checked_header_name(const std::string& name) {
  if (name.empty() || name.size() > 40 || !only_alnum_and(name, "-_.")) {
    throw invalid_argument("'{}' is not a header name", name);
  }
  return name;
}

std::vector<std::string> acl_bodies(const Condition& condition) {
  std::vector<std::string> out;
  switch (condition.field) {
    case Field::host:
      for (auto& v : condition.values) {
        out.push_back("var(txn.host) " + matcher(to_lower(v), false));
      }
      break;
    case Field::path:
      for (auto& v : condition.values) out.push_back("path " + matcher(v, false));
      break;
    case Field::method:
      for (auto& v : condition.values) {
        if (v.empty() || !only_alnum_and(v, "-_")) throw invalid_argument("'{}' is no method", v);
        out.push_back("method -m str -- " + single_quoted(v));
      }
      break;
    case Field::header:
      for (auto& v : condition.values) {
        out.push_back(fmt::format("req.fhdr({}) {}", checked_header_name(condition.header_name),
                                  matcher(v, true)));
      }
      break;
    case Field::query:
      for (auto& [key, value] : condition.key_values) {
        out.push_back("query -i -m reg -- " + single_quoted(query_regex(key, value)));
      }
      break;
    case Field::source_ip:
      for (auto& v : condition.values) out.push_back("src " + checked_cidr(v));
      break;
  }
  if (out.empty()) out.emplace_back("always_false");
  return out;
}

// Text with #{keywords} of one part of a redirect.
std::string expand(std::string_view text, uint16_t port) {
  std::string out;
  while (!text.empty()) {
    const size_t at = text.find("#{");
    // "/#{path}" is the whole path: no need to cut its slash off and put it back.
    const bool whole_path = at != std::string_view::npos && at > 0 && text[at - 1] == '/' &&
                            text.substr(at).starts_with("#{path}");
    out += location_literal(text.substr(0, whole_path ? at - 1 : at));
    if (at == std::string_view::npos) break;
    text.remove_prefix(at);
    const size_t end = text.find('}');
    const auto keyword = text.substr(0, end == std::string_view::npos ? end : end + 1);
    if (keyword == "#{protocol}") {
      out += "http";
    } else if (keyword == "#{host}") {
      out += "%[var(txn.host)]";
    } else if (keyword == "#{port}") {
      out += std::to_string(port);
    } else if (keyword == "#{path}") {
      out += whole_path ? "%[path]" : "%[path,bytes(1)]";
    } else if (keyword == "#{query}") {
      out += "%[query]";
    } else {
      throw invalid_argument("'{}' is not a redirect keyword", std::string(keyword));
    }
    text.remove_prefix(keyword.size());
  }
  return out;
}

}  // namespace

std::string render_conditions(Text& out, const std::string& name,
                              const std::vector<Condition>& conditions) {
  std::vector<std::string> names;
  for (size_t i = 0; i < conditions.size(); ++i) {
    names.push_back(fmt::format("{}c{}", name, i));
    for (auto& body : acl_bodies(conditions[i])) {
      out.line("acl " + names.back() + " " + body);
    }
  }
  return join(names, " ");
}

bool asks_for_host(const Listener& listener) {
  const auto redirects = [](const Action& action) {
    return std::holds_alternative<Redirect>(action);
  };
  return redirects(listener.default_action) ||
         std::any_of(listener.rules.begin(), listener.rules.end(), [&](const Rule& rule) {
           return redirects(rule.action) ||
                  std::any_of(rule.conditions.begin(), rule.conditions.end(),
                              [](const Condition& c) { return c.field == Field::host; });
         });
}

std::string redirect_location(const Redirect& redirect, uint16_t port, bool without_query) {
  const std::string protocol = to_lower(redirect.protocol);
  if (protocol != "http" && protocol != "https" && protocol != "#{protocol}") {
    throw invalid_argument("'{}' is not a redirect protocol", redirect.protocol);
  }
  const bool explicit_port = redirect.port != "#{port}";
  if (explicit_port) {
    const auto number = parse_uint(redirect.port);
    if (!number || *number < 1 || *number > 65535) {
      throw invalid_argument("'{}' is not a redirect port", redirect.port);
    }
  }
  std::string out = expand(protocol, port) + "://" + expand(redirect.host, port) + ":" +
                    expand(redirect.port, port) + expand(redirect.path, port);
  if (!without_query && !redirect.query.empty()) out += "?" + expand(redirect.query, port);
  return out;
}

}  // namespace slipway::haproxy

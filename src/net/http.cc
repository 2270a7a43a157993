// What server and client share: headers, whole bodies, URLs.
#include "net/http.h"

#include "base/error.h"
#include "base/strings.h"

namespace slipway::net {
namespace {

template <typename From>
std::string read_whole(From& from, size_t limit) {
  std::string out;
  std::vector<char> block(64 * 1024);
  while (const size_t n = from.read(block)) {
    if (n > limit - out.size()) throw too_large("the body is larger than {} bytes", limit);
    out.append(block.data(), n);
  }
  return out;
}

Url parse_unix_url(std::string_view rest, std::string_view whole) {
  const auto colon = rest.find(':');
  if (colon == std::string_view::npos || colon == 0) {
    throw invalid_argument("malformed URL {}: want unix:/socket:/path", whole);
  }
  return {"unix", std::string(rest.substr(0, colon)), "", std::string(rest.substr(colon + 1))};
}

}  // namespace

void Headers::set(std::string_view name, std::string value) {
  remove(name);
  list_.emplace_back(std::string(name), std::move(value));
}

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [key, value] : list_) {
    if (iequals(key, name)) return value;
  }
  return {};
}

bool Headers::has(std::string_view name) const {
  return std::any_of(list_.begin(), list_.end(),
                     [&](const auto& header) { return iequals(header.first, name); });
}

std::vector<std::string_view> Headers::all(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& [key, value] : list_) {
    if (iequals(key, name)) out.push_back(value);
  }
  return out;
}

void Headers::remove(std::string_view name) {
  std::erase_if(list_, [&](const auto& header) { return iequals(header.first, name); });
}

std::string Exchange::read_all(size_t limit) {
  return read_whole(*this, limit);
}

std::string ClientResponse::read_all(size_t limit) {
  return read_whole(*this, limit);
}

Url parse_url(std::string_view url) {
  if (url.starts_with("unix:")) return parse_unix_url(url.substr(5), url);
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) throw invalid_argument("malformed URL {}", url);
  Url out;
  out.scheme = to_lower(url.substr(0, scheme_end));
  if (out.scheme != "http" && out.scheme != "https") {
    throw invalid_argument("unsupported URL scheme \"{}\"", out.scheme);
  }
  auto rest = url.substr(scheme_end + 3);
  const auto path_start = std::min(rest.find_first_of("/?#"), rest.size());
  auto authority = rest.substr(0, path_start);
  out.path_and_query = std::string(rest.substr(path_start, rest.find('#') - path_start));
  if (!out.path_and_query.starts_with('/')) out.path_and_query.insert(0, "/");
  if (authority.find('@') != std::string_view::npos) {
    throw invalid_argument("a URL must not carry credentials");
  }
  const auto bracket = authority.starts_with('[') ? authority.find(']') : 0;
  const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  out.host = std::string(authority.substr(0, colon));
  if (out.host.starts_with('[') && out.host.ends_with(']')) {
    out.host = out.host.substr(1, out.host.size() - 2);
  }
  out.port = colon == std::string_view::npos ? "" : std::string(authority.substr(colon + 1));
  if (out.port.empty()) out.port = out.scheme == "https" ? "443" : "80";
  const auto port = parse_uint(out.port);
  if (out.host.empty() || !port || *port == 0 || *port > 65535) {
    throw invalid_argument("malformed URL {}", url);
  }
  // Neither may split the request line.
  if (out.path_and_query.find_first_of(" \r\n\t") != std::string::npos ||
      out.host.find_first_of(" \r\n\t") != std::string::npos) {
    throw invalid_argument("malformed URL: white space");
  }
  return out;
}

}  // namespace slipway::net

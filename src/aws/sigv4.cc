#include "aws/sigv4.h"

#include <ctime>

#include "base/strings.h"
#include "codec/form.h"
#include "codec/hash.h"

namespace slipway::aws {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kUnsigned = "UNSIGNED-PAYLOAD";
constexpr size_t kMaxSignedHeaders = 100;

[[noreturn]] void incomplete(const std::string& message) {
  throw AuthError(Common::incomplete_signature, message);
}

std::string decoded(std::string_view text) {
  try {
    return percent_decode(text);
  } catch (const Error&) {
    incomplete("The query string holds a malformed escape.");
  }
}

// Without form rules: '+' is a plus here.
Pairs raw_query(std::string_view query) {
  Pairs out;
  if (query.empty()) return out;
  for (auto& part : split(query, '&')) {
    if (part.empty()) continue;
    auto [name, value] = split_once(part, '=');
    out.emplace_back(decoded(name), decoded(value));
  }
  return out;
}

void read_scope(Claim& claim, std::string_view credential) {
  auto parts = split(credential, '/');
  if (parts.size() != 5 || parts[4] != "aws4_request" || parts[0].empty() || parts[3].empty())
    incomplete(
        "Credential must have exactly 5 slash-delimited elements, e.g. "
        "keyid/date/region/service/aws4_request.");
  claim.access_key_id = parts[0];
  claim.date = parts[1];
  claim.region = parts[2];
  claim.service = parts[3];
  if (!only_alnum_and(claim.region, "-") || !only_alnum_and(claim.service, "-") ||
      claim.region.size() > 64 || claim.access_key_id.size() > 128)
    incomplete("Credential names no valid region or service.");
}

void read_signed_headers(Claim& claim, std::string_view list) {
  claim.signed_headers = split(list, ';');
  if (claim.signed_headers.size() > kMaxSignedHeaders) incomplete("Too many SignedHeaders.");
  for (auto& name : claim.signed_headers) name = to_lower(name);
  std::ranges::sort(claim.signed_headers);
}

Claim read_header(const net::Request& request, std::string_view header) {
  Claim claim;
  auto [algorithm, rest] = split_once(header, ' ');
  if (algorithm != kAlgorithm)
    incomplete(fmt::format("Unsupported authorization: {} is expected.", kAlgorithm));
  bool has_credential = false, has_headers = false;
  for (auto& part : split(rest, ',')) {
    auto [name, value] = split_once(trim(part), '=');
    if (name == "Credential") {
      read_scope(claim, value);
      has_credential = true;
    } else if (name == "SignedHeaders") {
      read_signed_headers(claim, value);
      has_headers = true;
    } else if (name == "Signature") {
      claim.signature = value;
    }
  }
  if (!has_credential) incomplete("Authorization header requires 'Credential' parameter.");
  if (!has_headers) incomplete("Authorization header requires 'SignedHeaders' parameter.");
  if (claim.signature.empty()) incomplete("Authorization header requires 'Signature' parameter.");
  claim.time_text = request.headers.get("x-amz-date");
  if (claim.time_text.empty())
    incomplete("Authorization header requires existence of an 'X-Amz-Date' header.");
  claim.session_token = request.headers.get("x-amz-security-token");
  return claim;
}

Claim read_presigned(const Pairs& query) {
  Claim claim;
  claim.presigned = true;
  auto value = [&](std::string_view name) {
    auto values = query_values(query, name);
    if (values.size() != 1 || values[0].empty())
      incomplete(fmt::format("AWS query-string parameters must include '{}' once.", name));
    return values[0];
  };
  if (value("X-Amz-Algorithm") != kAlgorithm)
    incomplete(fmt::format("X-Amz-Algorithm must be {}.", kAlgorithm));
  read_scope(claim, value("X-Amz-Credential"));
  read_signed_headers(claim, value("X-Amz-SignedHeaders"));
  claim.signature = value("X-Amz-Signature");
  claim.time_text = value("X-Amz-Date");
  // STS signs its presigned calls without an expiry: then they live as long as the skew allows.
  if (query_values(query, "X-Amz-Expires").empty()) {
    claim.expires = kMaxSkew;
  } else {
    auto expires = parse_int(value("X-Amz-Expires"));
    if (!expires || *expires < 1 || *expires > 604'800)
      incomplete("X-Amz-Expires must be between 1 and 604800 seconds.");
    claim.expires = seconds(*expires);
  }
  claim.session_token = query_value(query, "X-Amz-Security-Token");
  return claim;
}

// yyyymmddThhmmssZ
std::optional<TimePoint> parse_basic_time(const std::string& text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  try {
    return parse_rfc3339(fmt::format("{}-{}-{}T{}:{}:{}Z", text.substr(0, 4), text.substr(4, 2),
                                     text.substr(6, 2), text.substr(9, 2), text.substr(11, 2),
                                     text.substr(13, 2)));
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string basic_time(TimePoint t) {
  std::string text = to_rfc3339(t, 0);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

// The path as received, encoded once more (S3, which signs it as it is, is not ours).
std::string canonical_path(std::string_view path) {
  return path.empty() ? "/" : percent_encode(path, "/");
}

std::string canonical_query(std::string_view query) {
  std::vector<std::string> parts;
  Pairs encoded;
  for (auto& [name, value] : raw_query(query))
    if (name != "X-Amz-Signature")
      encoded.emplace_back(percent_encode(name), percent_encode(value));
  std::ranges::sort(encoded);
  for (auto& [name, value] : encoded) parts.push_back(name + "=" + value);
  return join(parts, "&");
}

// Trimmed, and runs of blanks as one.
std::string canonical_value(std::string_view value) {
  std::string out;
  for (char c : trim(value)) {
    if (c == '\t') c = ' ';
    if (c == ' ' && !out.empty() && out.back() == ' ') continue;
    out += c;
  }
  return out;
}

std::string scope_of(const Claim& claim) {
  return fmt::format("{}/{}/{}/aws4_request", claim.date, claim.region, claim.service);
}

bool signs(const Claim& claim, std::string_view header) {
  return std::ranges::find(claim.signed_headers, header) != claim.signed_headers.end();
}

// The hash that stands in the canonical request. A client may leave the body unsigned, but may not
// name a hash that is not the body's.
std::string payload_hash(const Claim& claim, const net::Request& request,
                         std::string_view body_hash) {
  const auto claimed = request.headers.get("x-amz-content-sha256");
  if (claimed == kUnsigned && (signs(claim, "x-amz-content-sha256") || claim.presigned))
    return std::string(kUnsigned);
  if (!claimed.empty() && claimed != body_hash)
    throw AuthError(Common::bad_signature,
                    "The x-amz-content-sha256 header does not match the request's body.");
  return std::string(body_hash);
}

}  // namespace

Claim read_claim(const net::Request& request) {
  const auto header = request.headers.get("authorization");
  if (!header.empty()) return read_header(request, header);
  if (request.query.find("X-Amz-Algorithm=") != std::string::npos)
    return read_presigned(raw_query(request.query));
  throw AuthError(Common::missing_authentication, "Request is missing Authentication Token");
}

void check_time(const Claim& claim, TimePoint now) {
  auto time = parse_basic_time(claim.time_text);
  if (!time) incomplete("Date must be in ISO-8601 'basic format', e.g. 20260131T120000Z.");
  if (!claim.time_text.starts_with(claim.date))
    throw AuthError(Common::bad_signature,
                    fmt::format("Date in Credential scope does not match YYYYMMDD from ISO-8601 "
                                "version of date from HTTP: '{}' != '{}'.",
                                claim.date, claim.time_text.substr(0, 8)));
  const auto late = claim.presigned ? claim.expires : kMaxSkew;
  if (now > *time + late)
    throw AuthError(
        Common::request_expired,
        fmt::format("Signature expired: {} is now earlier than {} ({} - {} s.)", claim.time_text,
                    basic_time(now - late), basic_time(now), late.count()));
  if (*time > now + kMaxSkew)
    throw AuthError(Common::request_expired,
                    fmt::format("Signature not yet current: {} is still later than {} ({} + 5 "
                                "min.)",
                                claim.time_text, basic_time(now + kMaxSkew), basic_time(now)));
}

std::string canonical_request(const Claim& claim, const net::Request& request,
                              std::string_view body_hash) {
  std::string headers;
  for (auto& name : claim.signed_headers) {
    std::vector<std::string> values;
    for (auto value : request.headers.all(name)) values.push_back(canonical_value(value));
    headers += name + ":" + join(values, ",") + "\n";
  }
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, canonical_path(request.path),
                     canonical_query(request.query), headers, join(claim.signed_headers, ";"),
                     payload_hash(claim, request, body_hash));
}

std::string signature_of(const Claim& claim, std::string_view canonical,
                         std::string_view secret_access_key) {
  std::string key = hmac_sha256("AWS4" + std::string(secret_access_key), claim.date);
  key = hmac_sha256(key, claim.region);
  key = hmac_sha256(key, claim.service);
  key = hmac_sha256(key, "aws4_request");
  const std::string to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, claim.time_text,
                                          scope_of(claim), sha256_hex(canonical));
  return to_hex(hmac_sha256(key, to_sign));
}

void check_signature(const Claim& claim, const net::Request& request, std::string_view body_hash,
                     std::string_view secret_access_key) {
  if (!signs(claim, "host"))
    throw AuthError(Common::bad_signature,
                    "'Host' must be a 'SignedHeader' in the AWS Authorization.");
  // Else a stranger could turn a signed call into another one.
  for (std::string_view name : {"x-amz-target", "x-amz-date"})
    if (request.headers.has(name) && !signs(claim, name))
      throw AuthError(Common::bad_signature,
                      fmt::format("'{}' must be a 'SignedHeader' in the AWS Authorization.", name));
  const std::string expected =
      signature_of(claim, canonical_request(claim, request, body_hash), secret_access_key);
  if (!equal_constant_time(expected, claim.signature))
    throw AuthError(Common::bad_signature,
                    "The request signature we calculated does not match the signature you "
                    "provided. Check your AWS Secret Access Key and signing method. Consult the "
                    "service documentation for details.");
}

void sign(net::Request& request, std::string_view body, std::string_view access_key_id,
          std::string_view secret_access_key, std::string_view session_token,
          std::string_view region, std::string_view service, TimePoint now) {
  Claim claim;
  claim.time_text = basic_time(now);
  claim.date = claim.time_text.substr(0, 8);
  claim.region = region;
  claim.service = service;
  request.headers.set("X-Amz-Date", claim.time_text);
  if (!session_token.empty())
    request.headers.set("X-Amz-Security-Token", std::string(session_token));
  for (std::string_view name :
       {"content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"})
    if (request.headers.has(name)) claim.signed_headers.emplace_back(name);
  claim.signature =
      signature_of(claim, canonical_request(claim, request, sha256_hex(body)), secret_access_key);
  request.headers.set(
      "Authorization",
      fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm, access_key_id,
                  scope_of(claim), join(claim.signed_headers, ";"), claim.signature));
}

}  // namespace slipway::aws

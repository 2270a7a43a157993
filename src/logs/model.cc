// How requests name groups and streams, and what every handler checks.
#include "logs/model.h"

#include "base/error.h"
#include "base/strings.h"
#include "codec/hash.h"

namespace slipway::logs {

namespace {

constexpr size_t kMaxTags = 50;

std::string strip_arn(const aws::Context& c, std::string_view arn, bool star_allowed) {
  const std::string prefix = fmt::format("arn:aws:logs:{}:{}:log-group:", c.region, c.account);
  if (!arn.starts_with("arn:"))
    throw m::InvalidParameterException(fmt::format("'{}' is not an ARN", arn));
  if (!arn.starts_with(prefix))
    throw m::ResourceNotFoundException("The specified log group does not exist.");
  arn.remove_prefix(prefix.size());
  if (star_allowed && arn.ends_with(":*")) arn.remove_suffix(2);
  return std::string(arn);
}

}  // namespace

void check_group_name(std::string_view name) {
  if (name.empty() || name.size() > 512 || !only_alnum_and(name, "_/.#-") ||
      name.starts_with("aws/")) {
    throw m::InvalidParameterException(fmt::format(
        "1 validation error detected: Value '{}' at 'logGroupName' failed to satisfy constraint: "
        "Member must be 1 to 512 characters of [\\.\\-_/#A-Za-z0-9] and not start with aws/",
        name.substr(0, 600)));
  }
}

void check_stream_name(std::string_view name) {
  if (name.empty() || name.size() > 512 || name.find_first_of(":*") != std::string_view::npos) {
    throw m::InvalidParameterException(fmt::format(
        "1 validation error detected: Value '{}' at 'logStreamName' failed to satisfy constraint: "
        "Member must be 1 to 512 characters without ':' and '*'",
        name.substr(0, 600)));
  }
}

std::string group_key(const aws::Context& c, const std::optional<std::string>& name,
                      const std::optional<std::string>& identifier) {
  if (name && identifier) {
    throw m::InvalidParameterException(
        "Only one of logGroupName and logGroupIdentifier can be given.");
  }
  if (!name && !identifier) {
    throw m::InvalidParameterException("Either logGroupName or logGroupIdentifier must be given.");
  }
  const std::string& given = name ? *name : *identifier;
  const bool arn = identifier && given.starts_with("arn:");
  const std::string plain = arn ? strip_arn(c, given, true) : given;
  check_group_name(plain);
  return scope(c) + plain;
}

std::string group_key_of_arn(const aws::Context& c, std::string_view arn) {
  const std::string name = strip_arn(c, arn, false);
  check_group_name(name);
  return scope(c) + name;
}

std::shared_ptr<const Group> need_group(const store::Reader& db, const std::string& key) {
  auto group = groups.get(db, key);
  if (!group) throw m::ResourceNotFoundException("The specified log group does not exist.");
  return group;
}

std::shared_ptr<const Stream> need_stream(const store::Reader& db, const std::string& key) {
  auto stream = streams.get(db, key);
  if (!stream) throw m::ResourceNotFoundException("The specified log stream does not exist.");
  return stream;
}

std::map<std::string, std::string> with_tags(std::map<std::string, std::string> tags,
                                             const std::map<std::string, std::string>& added) {
  for (const auto& [key, value] : added) {
    if (key.empty() || key.size() > 128 || value.size() > 256 || key.starts_with("aws:")) {
      throw m::InvalidParameterException(fmt::format(
          "The tag '{}' is not valid: keys have 1 to 128 characters and do not start with aws:, "
          "values have at most 256",
          key.substr(0, 140)));
    }
    tags[key] = value;
  }
  if (tags.size() > kMaxTags)
    throw m::InvalidParameterException("A log group can have at most 50 tags.");
  return tags;
}

std::string make_token(std::string_view text) {
  return base64url_encode(text);
}

std::string read_token(const std::string& token) {
  try {
    return base64_decode(token);
  } catch (const Error&) {
    throw m::InvalidParameterException("The specified nextToken is invalid.");
  }
}

int64_t oldest_kept_ms(const Group& group, TimePoint now) {
  if (!group.retention_days) return 0;
  return to_epoch_ms(now) - int64_t{*group.retention_days} * 86'400'000;
}

}  // namespace slipway::logs

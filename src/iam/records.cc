#include "iam/records.h"

#include "base/error.h"
#include "base/strings.h"
#include "codec/form.h"
#include "iam/roles.h"

namespace slipway::iam {
namespace {

constexpr size_t kMaxTags = 50;

[[noreturn]] void malformed(const std::string& message) {
  throw model::MalformedPolicyDocumentException(message);
}

void check_statement(const Json& statement, Document kind) {
  if (!statement.is_object()) malformed("Syntax errors in policy.");
  const auto effect = statement.find("Effect");
  if (effect == statement.end() || (*effect != "Allow" && *effect != "Deny"))
    malformed("Invalid effect in policy: it must be Allow or Deny.");
  if (!statement.contains("Action") && !statement.contains("NotAction"))
    malformed("Policy statement must contain actions.");
  const bool principal = statement.contains("Principal") || statement.contains("NotPrincipal");
  const bool resource = statement.contains("Resource") || statement.contains("NotResource");
  if (kind == Document::trust) {
    if (!principal) malformed("AssumeRole policy must specify a principal.");
    if (resource) malformed("Has prohibited field Resource");
  } else {
    if (principal) malformed("Policy document should not specify a principal.");
    if (!resource) malformed("Policy statement must contain resources.");
  }
}

}  // namespace

void check_document(const std::string& text, Document kind) {
  Json json;
  try {
    json = parse_json(text, "policy");
  } catch (const Error&) {
    malformed("This policy contains invalid Json");
  }
  if (!json.is_object()) malformed("Syntax errors in policy.");
  const auto version = json.find("Version");
  if (version != json.end() && *version != "2012-10-17" && *version != "2008-10-17")
    malformed("The policy must contain a valid version string.");
  const auto statements = json.find("Statement");
  if (statements == json.end() || (statements->is_array() && statements->empty()))
    malformed("Syntax errors in policy: it has no Statement.");
  if (!statements->is_array()) return check_statement(*statements, kind);
  for (auto& statement : *statements) check_statement(statement, kind);
}

std::string url_encoded(const std::optional<std::string>& document) {
  return percent_encode(document.value_or(""));
}

RoleRecord get_role_record(const store::Reader& db, const std::string& name) {
  auto record = kRoles.get(db, to_lower(name));
  if (!record)
    throw model::NoSuchEntityException(fmt::format("The role with name {} cannot be found.", name));
  return *record;
}

void put_role(store::Writer& db, const RoleRecord& record) {
  kRoles.put(db, to_lower(*record.role.RoleName), record);
}

PolicyRecord get_policy_record(const store::Reader& db, const std::string& arn) {
  auto record = kPolicies.get(db, arn);
  if (!record) throw model::NoSuchEntityException(fmt::format("Policy {} was not found.", arn));
  return *record;
}

ProfileRecord get_profile_record(const store::Reader& db, const std::string& name) {
  auto record = kProfiles.get(db, to_lower(name));
  if (!record)
    throw model::NoSuchEntityException(fmt::format("Instance Profile {} cannot be found.", name));
  return *record;
}

void put_profile(store::Writer& db, const ProfileRecord& record) {
  kProfiles.put(db, to_lower(*record.profile.InstanceProfileName), record);
}

std::string arn_of(const std::string& account, std::string_view kind, const std::string& path,
                   const std::string& name) {
  return fmt::format("arn:aws:iam::{}:{}{}{}", account, kind, path, name);
}

bool aws_managed(std::string_view policy_arn) {
  constexpr std::string_view kPrefix = "arn:aws:iam::aws:policy/";
  return policy_arn.starts_with(kPrefix) && policy_arn.size() > kPrefix.size() &&
         policy_arn.back() != '/' && only_alnum_and(policy_arn.substr(kPrefix.size()), "+=,.@-_/");
}

std::string name_of_arn(std::string_view arn) {
  return std::string(arn.substr(arn.rfind('/') + 1));
}

void add_tags(std::optional<Tags>& tags, const std::optional<Tags>& added) {
  if (!added || added->empty()) return;
  std::set<std::string> keys;
  for (auto& tag : *added)
    if (!keys.insert(to_lower(*tag.Key)).second)
      throw model::InvalidInputException(
          "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
  if (!tags) tags.emplace();
  for (auto& tag : *added) {
    auto same =
        std::ranges::find_if(*tags, [&](const model::Tag& t) { return iequals(*t.Key, *tag.Key); });
    same == tags->end() ? tags->push_back(tag) : void(*same = tag);
  }
  if (tags->size() > kMaxTags)
    throw model::LimitExceededException(
        fmt::format("The number of tags has reached the maximum limit ({}).", kMaxTags));
}

void remove_tags(std::optional<Tags>& tags, const std::vector<std::string>& keys) {
  if (!tags) return;
  std::erase_if(*tags, [&](const model::Tag& tag) {
    return std::ranges::any_of(keys,
                               [&](const std::string& key) { return iequals(key, *tag.Key); });
  });
  if (tags->empty()) tags.reset();
}

std::optional<model::Role> find_role(const store::Reader& db, const std::string& role_arn) {
  if (role_arn.find(":role/") == std::string::npos) return std::nullopt;
  auto record = kRoles.get(db, to_lower(name_of_arn(role_arn)));
  if (!record || record->role.Arn != role_arn) return std::nullopt;
  return record->role;
}

bool role_exists(const store::Reader& db, const std::string& role_arn) {
  return find_role(db, role_arn).has_value();
}

}  // namespace slipway::iam

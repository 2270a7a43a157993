// IAM's records, and the helpers that its operations share. Private to iam/.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "aws/gen/iam.h"
#include "aws/page.h"
#include "codec/json.h"
#include "store/table.h"

namespace slipway::iam {

namespace model = aws::iam;

// The document inside is plain JSON; replies carry it URL-encoded.
struct RoleRecord {
  model::Role role;
  std::map<std::string, std::string> inline_policies;
  std::vector<std::string> attached;  // policy ARNs, in order of attachment
};
struct PolicyRecord {
  model::Policy policy;
  std::vector<model::PolicyVersion> versions;  // newest first
  int next_version = 2;
};
struct ProfileRecord {
  model::InstanceProfile profile;
  std::vector<std::string> roles;  // names
};

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RoleRecord, role, inline_policies, attached)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PolicyRecord, policy, versions, next_version)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ProfileRecord, profile, roles)

// Names are unique without regard to case: they are keyed in lower case.
inline constexpr store::Table<RoleRecord> kRoles("iam.roles");
inline constexpr store::Table<PolicyRecord> kPolicies("iam.policies");  // by ARN
inline constexpr store::Table<ProfileRecord> kProfiles("iam.profiles");
inline constexpr store::Table<model::User> kUsers("iam.users");

// Throw NoSuchEntity in AWS's words.
RoleRecord get_role_record(const store::Reader& db, const std::string& name);
void put_role(store::Writer& db, const RoleRecord& record);
PolicyRecord get_policy_record(const store::Reader& db, const std::string& arn);
ProfileRecord get_profile_record(const store::Reader& db, const std::string& name);
void put_profile(store::Writer& db, const ProfileRecord& record);

std::string arn_of(const std::string& account, std::string_view kind, const std::string& path,
                   const std::string& name);
bool aws_managed(std::string_view policy_arn);
std::string name_of_arn(std::string_view arn);  // after the last '/'

enum class Document { trust, identity };
// Throws MalformedPolicyDocument.
void check_document(const std::string& text, Document kind);
std::string url_encoded(const std::optional<std::string>& document);

using Tags = std::vector<model::Tag>;
// Throw InvalidInput for a key given twice, LimitExceeded above 50.
void add_tags(std::optional<Tags>& tags, const std::optional<Tags>& added);
void remove_tags(std::optional<Tags>& tags, const std::vector<std::string>& keys);

// Fills the three members that every IAM list has.
template <typename In, typename Out, typename T, typename Key>
void fill_page(std::string_view scope, const In& in, const std::vector<T>& sorted, Key key,
               std::optional<std::vector<T>>& items, Out& out) {
  auto page =
      aws::paginate(scope, sorted, key, in.Marker, static_cast<size_t>(in.MaxItems.value_or(100)));
  items = std::move(page.items);
  out.IsTruncated = page.next.has_value();
  out.Marker = std::move(page.next);
}

template <typename T>
std::vector<T> sorted_by(std::vector<T> items, std::string (*key)(const T&)) {
  std::ranges::sort(items, {}, key);
  return items;
}

}  // namespace slipway::iam

// Repositories as rows: names, scopes, creation and deletion.
#include "registry/repositories.h"

#include "base/strings.h"
#include "registry/rows.h"

namespace slipway::registry {

std::string Scope::domain() const {
  const std::string_view suffix = region.substr(0, 3) == "cn-" ? ".cn" : "";
  return fmt::format("{}.dkr.ecr.{}.amazonaws.com{}", account, region, suffix);
}

std::optional<Scope> parse_domain(std::string_view domain) {
  const auto parts = split(domain, '.');
  const bool china = parts.size() == 7 && parts[6] == "cn";
  if (parts.size() != 6 && !china) return std::nullopt;
  const bool ours =
      parts[1] == "dkr" && parts[2] == "ecr" && parts[4] == "amazonaws" && parts[5] == "com";
  const bool account = parts[0].size() == 12 && parse_uint(parts[0]).has_value();
  if (!ours || !account || parts[3].empty() || !only_alnum_and(parts[3], "-")) return std::nullopt;
  return Scope{parts[0], parts[3]};
}

std::string Repository::arn() const {
  return fmt::format("arn:aws:ecr:{}:{}:repository/{}", scope.region, scope.account, name);
}

std::string Repository::uri() const {
  return scope.domain() + "/" + name;
}

bool Repository::immutable(std::string_view tag) const {
  const bool base = mutability.substr(0, 9) == "IMMUTABLE";
  if (mutability.find("_WITH_EXCLUSION") == std::string::npos) return base;
  const bool excluded =
      std::any_of(exclusions.begin(), exclusions.end(),
                  [&](const std::string& filter) { return glob_match(filter, tag); });
  return excluded ? !base : base;
}

bool valid_repository_name(std::string_view name) {
  return name.size() >= 2 && image::valid_repository_path(name);
}

std::string scope_key(const Scope& scope) {
  return scope.account + "/" + scope.region + "/";
}
std::string repository_key(const Repository& repository) {
  return scope_key(repository.scope) + repository.name;
}
std::string item_key(const Repository& repository, std::string_view item) {
  return fmt::format("{}:{}", repository_key(repository), item);
}

RepositoryPtr find_repository(const store::Reader& db, const Scope& scope, std::string_view name) {
  return repository_table.get(db, scope_key(scope) + std::string(name));
}

RepositoryPtr get_repository(const store::Reader& db, const Scope& scope, std::string_view name) {
  if (auto found = find_repository(db, scope, name)) return found;
  throw RegistryError(
      Code::repository_unknown, Kind::not_found,
      fmt::format("The repository with name '{}' does not exist in the registry with id '{}'", name,
                  scope.account),
      std::string(name));
}

std::vector<RepositoryPtr> list_repositories(const store::Reader& db, const Scope& scope,
                                             std::string_view after, size_t limit) {
  const std::string prefix = scope_key(scope);
  return repository_table.scan(db, prefix, after.empty() ? "" : prefix + std::string(after), limit);
}

void create_repository(store::Writer& db, const Repository& repository) {
  if (!valid_repository_name(repository.name))
    throw RegistryError(Code::name_invalid, Kind::invalid_argument,
                        fmt::format("Invalid parameter at 'repositoryName' failed to satisfy "
                                    "constraint: 'must satisfy regular expression "
                                    "'(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)"
                                    "*''"),
                        repository.name);
  if (find_repository(db, repository.scope, repository.name))
    throw RegistryError(
        Code::repository_exists, Kind::conflict,
        fmt::format("The repository with name '{}' already exists in the registry with id '{}'",
                    repository.name, repository.scope.account),
        repository.name);
  repository_table.put(db, repository_key(repository), repository);
}

void update_repository(store::Writer& db, const Repository& repository) {
  get_repository(db, repository.scope, repository.name);
  repository_table.put(db, repository_key(repository), repository);
}

void delete_repository(store::Writer& db, const Repository& repository, bool force) {
  get_repository(db, repository.scope, repository.name);
  const std::string prefix = item_key(repository, "");
  if (!force && !db.scan(manifest_table.name(), prefix, {}, 1).empty())
    throw RegistryError(Code::repository_not_empty, Kind::conflict,
                        fmt::format("The repository with name '{}' in registry with id '{}' cannot "
                                    "be deleted because it still contains images",
                                    repository.name, repository.scope.account),
                        repository.name);
  for (const auto table : {manifest_table.name(), tag_table.name(), blob_table.name()})
    for (const auto& row : db.scan(table, prefix)) db.erase(table, row.key);
  repository_table.erase(db, repository_key(repository));
}

}  // namespace slipway::registry

// The rows of image names: look up, tag, remove as Docker does.
#include "base/error.h"
#include "image/rows.h"

namespace slipway::image {

namespace {

std::optional<std::string> id_prefix(std::string_view text) {
  if (text.substr(0, 7) == "sha256:") text.remove_prefix(7);
  if (text.size() < 4 || text.size() > 64) return std::nullopt;
  if (text.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  return "sha256:" + std::string(text);
}

Match make_match(const ImageRow& row, const Digest& manifest, std::string name) {
  Match out{row.id, row, row.manifests.back(), std::move(name)};
  for (const auto& known : row.manifests)
    if (known.digest == manifest) out.manifest = known;
  return out;
}

std::optional<Match> match_name(const store::Reader& db, std::string_view text) {
  Reference name;
  try {
    name = Reference::parse(text);
  } catch (const Error&) {
    return std::nullopt;  // not a name; perhaps an id
  }
  const std::string key = name.full();
  const auto found = name.digest.empty() ? tag_table.get(db, key) : digest_table.get(db, key);
  if (!found) return std::nullopt;
  const auto row = image_table.get(db, found->image);
  if (!row) return std::nullopt;
  return make_match(*row, found->manifest, key);
}

std::string short_id(std::string_view id) {
  return std::string(id.substr(id.find(':') + 1, 12));
}

std::string repository_of(const std::string& key) {
  if (const auto at = key.find('@'); at != std::string::npos) return key.substr(0, at);
  return key.substr(0, key.rfind(':'));
}

// As Docker shows a key of image_tag or image_digest.
std::string familiar(const std::string& key) {
  return Reference::parse(key).familiar();
}

// Which names go, and whether the image goes with them.
struct Plan {
  std::vector<std::string> names;
  bool whole_image = false;
};

// given: the name as somebody wrote it.
Plan plan_by_name(const Match& match, std::string_view given, bool force,
                  const std::optional<std::string>& user) {
  // A digest means the image only while no tag of its repository is left to do so.
  const std::string repository = repository_of(match.name);
  std::vector<std::string> going{match.name};
  size_t tags_left_here = 0, names_left = 0;
  for (const auto& tag : match.row.tags) {
    if (tag == match.name) continue;
    ++names_left;
    if (repository_of(tag) == repository) ++tags_left_here;
  }
  for (const auto& digest : match.row.digests) {
    if (digest == match.name) continue;
    if (repository_of(digest) == repository && tags_left_here == 0)
      going.push_back(digest);
    else
      ++names_left;
  }
  if (names_left > 0) return {going, false};
  if (user && !force)
    throw conflict(
        "conflict: unable to remove repository reference \"{}\" (must force) - {} is using its "
        "referenced image {}",
        given, user->substr(user->find(' ') + 1), short_id(match.id));
  return {going, !user};
}

Plan plan_by_id(const Match& match, bool force, const std::optional<std::string>& user) {
  std::set<std::string> repositories;
  for (const auto& tag : match.row.tags) repositories.insert(repository_of(tag));
  const std::string id = short_id(match.id);
  if (repositories.size() > 1 && !force)
    throw conflict(
        "conflict: unable to delete {} (must be forced) - image is referenced in multiple "
        "repositories",
        id);
  const bool running = user && user->substr(0, 7) == "running";
  if (user && (running || !force))
    throw conflict("conflict: unable to delete {} ({}) - image is being used by {}", id,
                   running ? "cannot be forced" : "must be forced", *user);
  // By force under a stopped container: the names go, the image stays while it is needed.
  Plan out{match.row.tags, !user};
  out.names.insert(out.names.end(), match.row.digests.begin(), match.row.digests.end());
  return out;
}

void drop_name(store::Writer& db, ImageRow& row, const std::string& name) {
  tag_table.erase(db, name);
  digest_table.erase(db, name);
  std::erase(row.tags, name);
  std::erase(row.digests, name);
}

void add_once(std::vector<std::string>& list, const std::string& name) {
  if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
}

}  // namespace

std::optional<Match> match_image(const store::Reader& db, std::string_view name_or_id) {
  if (auto by_name = match_name(db, name_or_id)) return by_name;
  const auto prefix = id_prefix(name_or_id);
  if (!prefix) return std::nullopt;
  const auto rows = image_table.scan(db, *prefix, {}, 2);
  if (rows.size() != 1) return std::nullopt;  // unknown, or ambiguous
  return make_match(*rows[0], {}, {});
}

void tag_image(store::Writer& db, std::string_view image_id, const Reference& name) {
  const auto known = image_table.get(db, image_id);
  if (!known) throw not_found("No such image: {}", image_id);
  ImageRow row = *known;
  const std::string key = name.full();
  const bool by_digest = !name.digest.empty();
  const auto& table = by_digest ? digest_table : tag_table;
  if (const auto before = table.get(db, key); before && before->image != row.id) {
    if (const auto other = image_table.get(db, before->image)) {
      ImageRow changed = *other;
      drop_name(db, changed, key);
      image_table.put(db, changed.id, changed);
    }
  }
  add_once(by_digest ? row.digests : row.tags, key);
  table.put(db, key, NameRow{row.id, row.manifests.back().digest});
  image_table.put(db, row.id, row);
}

std::vector<Images::Removed> remove_image(
    store::Store& store, std::string_view name_or_id, bool force,
    const std::function<std::optional<std::string>(const std::string& id)>& in_use) {
  std::optional<Match> match;
  store.read([&](const store::Reader& db) { match = match_image(db, name_or_id); });
  if (!match) {
    std::string shown(name_or_id);
    try {
      shown = Reference::parse(name_or_id).familiar();
    } catch (const Error&) {  // shown as it was given
    }
    throw not_found("No such image: {}", shown);
  }
  const auto user = in_use ? in_use(match->id) : std::nullopt;
  const Plan plan = match->name.empty() ? plan_by_id(*match, force, user)
                                        : plan_by_name(*match, name_or_id, force, user);
  std::vector<Images::Removed> out;
  store.write([&](store::Writer& db) {
    out.clear();
    const auto now = image_table.get(db, match->id);
    if (!now) throw not_found("No such image: {}", name_or_id);
    ImageRow row = *now;
    for (const auto& name : plan.names) {
      drop_name(db, row, name);
      out.push_back({true, familiar(name)});
    }
    // A name that came meanwhile keeps the image.
    if (plan.whole_image && row.tags.empty()) {
      for (const auto& digest : std::vector<std::string>(row.digests)) drop_name(db, row, digest);
      image_table.erase(db, row.id);
      out.push_back({false, row.id});
    } else {
      image_table.put(db, row.id, row);
    }
  });
  return out;
}

std::shared_ptr<void> Pins::pin(const std::shared_ptr<Pins>& self, std::vector<Digest> digests) {
  {
    auto counts = self->counts_.lock();
    for (const auto& digest : digests) ++(*counts)[digest];
  }
  return std::shared_ptr<void>(self.get(), [self, held = std::move(digests)](void*) {
    auto counts = self->counts_.lock();
    for (const auto& digest : held)
      if (--(*counts)[digest] == 0) counts->erase(digest);
  });
}

std::set<Digest> Pins::list() const {
  std::set<Digest> out;
  for (auto counts = counts_.lock(); const auto& [digest, count] : *counts) out.insert(digest);
  return out;
}

}  // namespace slipway::image

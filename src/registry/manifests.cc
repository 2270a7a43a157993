// Manifests, tags, referrers and the catalog over HTTP.
#include "base/strings.h"
#include "codec/json.h"
#include "registry/call.h"

namespace slipway::registry {

namespace {

RegistryError manifest_unknown(std::string_view reference) {
  return RegistryError(Code::manifest_unknown, Kind::not_found, "Requested image not found",
                       std::string(reference.substr(0, 300)));
}

// A tag or a digest; anything else is refused before it is looked up.
void require_reference(std::string_view reference) {
  if (reference.find(':') != std::string_view::npos) {
    if (!image::valid_digest(reference))
      throw RegistryError(Code::digest_invalid, Kind::invalid_argument,
                          fmt::format("\"{}\" is not a digest", reference.substr(0, 160)));
  } else if (!image::valid_tag_name(reference)) {
    throw RegistryError(Code::tag_invalid, Kind::invalid_argument,
                        fmt::format("\"{}\" is not a tag", reference.substr(0, 160)));
  }
}

void get_manifest(Call& call) {
  call.authorize("ecr:BatchGetImage");
  ManifestPtr found;
  call.deps.store.read([&](const store::Reader& db) {
    found = find_manifest(db, *call.repository, call.route.argument);
  });
  if (!found) throw manifest_unknown(call.route.argument);
  const net::Headers headers{{"Content-Type", found->media_type},
                             {"Docker-Content-Digest", found->digest},
                             {"ETag", "\"" + found->digest + "\""},
                             {"Content-Length", std::to_string(found->manifest_bytes)}};
  if (call.method() == "HEAD") return call.http.respond(200, with_version(headers), "");
  const auto bytes = call.deps.content.read(found->digest, image::max_manifest_bytes);
  // ECR shows the time of the last pull to within a day; more writes would be waste.
  if (call.now() - TimePoint(microseconds(found->pulled_us)) > seconds(24 * 3600))
    call.deps.store.write(
        [&](store::Writer& db) { note_pull(db, *call.repository, found->digest, call.now()); });
  call.http.respond(200, with_version(headers), bytes);
}

void put_manifest(Call& call) {
  call.authorize("ecr:PutImage");
  const std::string& reference = call.route.argument;
  const bool by_digest = reference.find(':') != std::string::npos;
  const std::string body = call.http.read_all(image::max_manifest_bytes);
  const std::string type(trim(split_once(call.header("Content-Type"), ';').first));
  const std::string algorithm = by_digest ? reference.substr(0, reference.find(':')) : "sha256";
  auto manifest = describe_manifest(body, type, algorithm);
  if (by_digest && manifest.digest != reference)
    throw RegistryError(
        Code::digest_invalid, Kind::invalid_argument,
        fmt::format("the manifest has digest {}, not {}", manifest.digest, reference), reference);
  auto ingest = call.deps.content.ingest(algorithm);
  ingest->write(body);
  ingest->commit(manifest.digest);
  for (const auto& blob : manifest.blobs) call.deps.content.touch(blob);
  call.deps.store.write([&](store::Writer& db) {
    registry::put_manifest(db, *call.repository, manifest, by_digest ? "" : reference, call.now());
    for (const auto& tag : query_values(call.query, "tag"))
      registry::put_manifest(db, *call.repository, manifest, tag, call.now());
  });
  net::Headers headers{{"Location", call.url("manifests/" + manifest.digest)},
                       {"Docker-Content-Digest", manifest.digest},
                       {"Content-Length", "0"}};
  if (!manifest.subject.empty()) headers.set("OCI-Subject", manifest.subject);
  for (const auto& tag : query_values(call.query, "tag")) headers.add("OCI-Tag", tag);
  call.http.respond(201, with_version(headers), "");
}

void delete_manifest(Call& call) {
  call.authorize("ecr:BatchDeleteImage");
  const std::string& reference = call.route.argument;
  call.deps.store.write([&](store::Writer& db) {
    const bool done = image::valid_digest(reference)
                          ? erase_manifest(db, *call.repository, reference, call.now())
                          : erase_tag(db, *call.repository, reference);
    if (!done) throw manifest_unknown(reference);
  });
  call.http.respond(202, with_version({{"Content-Length", "0"}}), "");
}

// The page size asked for; nullopt: all.
std::optional<size_t> page_size(const Call& call) {
  const std::string text = query_value(call.query, "n");
  if (text.empty()) return std::nullopt;
  const auto n = parse_uint(text);
  if (!n) throw invalid_argument("n=\"{}\" is not a number", text.substr(0, 40));
  return std::min<uint64_t>(*n, 10'000);
}

void answer_page(Call& call, const char* member, std::vector<std::string> names,
                 std::optional<size_t> limit, const std::string& path) {
  net::Headers headers;
  if (limit && names.size() > *limit) {
    names.resize(*limit);
    if (!names.empty())
      headers.set("Link", fmt::format("<{}?n={}&last={}>; rel=\"next\"", path, *limit,
                                      percent_encode(names.back())));
  }
  Json body = {{member, names}};
  if (call.repository) body["name"] = call.route.name;
  answer_json(call, 200, body.dump(), headers);
}

Json referrer_json(const StoredManifest& manifest) {
  Json out = {{"mediaType", manifest.media_type},
              {"digest", manifest.digest},
              {"size", manifest.manifest_bytes}};
  const auto& type =
      manifest.artifact_type.empty() ? manifest.config_media_type : manifest.artifact_type;
  if (!type.empty()) out["artifactType"] = type;
  if (!manifest.annotations.empty()) out["annotations"] = Json::parse(manifest.annotations);
  return out;
}

}  // namespace

void serve_manifest(Call& call) {
  require_reference(call.route.argument);
  if (call.method() == "GET" || call.method() == "HEAD") return get_manifest(call);
  if (call.method() == "PUT") return put_manifest(call);
  if (call.method() == "DELETE") return delete_manifest(call);
  method_not_allowed(call);
}

void serve_tags(Call& call) {
  if (call.method() != "GET") method_not_allowed(call);
  call.authorize("ecr:ListImages");
  const auto limit = page_size(call);
  std::vector<std::string> names;
  call.deps.store.read([&](const store::Reader& db) {
    for (auto& tag :
         list_tags(db, *call.repository, query_value(call.query, "last"), limit ? *limit + 1 : 0))
      names.push_back(std::move(tag.name));
  });
  answer_page(call, "tags", std::move(names), limit, call.url("tags/list"));
}

void serve_catalog(Call& call) {
  if (call.method() != "GET") method_not_allowed(call);
  const auto limit = page_size(call);
  std::vector<std::string> names;
  call.deps.store.read([&](const store::Reader& db) {
    for (const auto& repository :
         list_repositories(db, call.scope, query_value(call.query, "last"), limit ? *limit + 1 : 0))
      names.push_back(repository->name);
  });
  answer_page(call, "repositories", std::move(names), limit, "/v2/_catalog");
}

void serve_referrers(Call& call) {
  if (call.method() != "GET") method_not_allowed(call);
  const std::string& subject = call.route.argument;
  if (!image::valid_digest(subject))
    throw RegistryError(Code::digest_invalid, Kind::invalid_argument,
                        fmt::format("\"{}\" is not a digest", subject.substr(0, 160)));
  call.authorize("ecr:BatchGetImage");
  const std::string type = query_value(call.query, "artifactType");
  Json list = Json::array();
  call.deps.store.read([&](const store::Reader& db) {
    for (const auto& manifest : list_manifests(db, *call.repository)) {
      if (manifest->subject != subject) continue;
      Json entry = referrer_json(*manifest);
      if (type.empty() || entry.value("artifactType", "") == type) list.push_back(std::move(entry));
    }
  });
  const Json body = {
      {"schemaVersion", 2}, {"mediaType", image::media_oci_index}, {"manifests", list}};
  net::Headers headers{{"Content-Type", std::string(image::media_oci_index)}};
  if (!type.empty()) headers.set("OCI-Filters-Applied", "artifactType");
  answer_json(call, 200, body.dump(), headers);
}

}  // namespace slipway::registry

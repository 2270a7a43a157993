// Blobs over HTTP: read with ranges, upload in one piece or in chunks, mount, delete.
#include "base/strings.h"
#include "registry/call.h"

namespace slipway::registry {

namespace {

RegistryError blob_unknown(std::string_view digest) {
  return RegistryError(Code::blob_unknown, Kind::not_found, "blob unknown to registry",
                       std::string(digest.substr(0, 160)));
}

RegistryError bad_digest(std::string_view digest) {
  return RegistryError(Code::digest_invalid, Kind::invalid_argument,
                       fmt::format("\"{}\" is not a digest", digest.substr(0, 160)),
                       std::string(digest.substr(0, 160)));
}

struct Range {
  uint64_t first = 0, length = 0;
};

// One range of a Range header; nullopt: not satisfiable. Call only for "bytes=" without a comma.
std::optional<Range> parse_range(std::string_view spec, uint64_t size) {
  const auto [from, to] = split_once(spec, '-');
  const auto first = parse_uint(from), last = parse_uint(to);
  if (from.empty()) {  // the last n bytes
    if (!last || *last == 0 || size == 0) return std::nullopt;
    const uint64_t length = std::min(*last, size);
    return Range{size - length, length};
  }
  if (!first || *first >= size) return std::nullopt;
  if (to.empty()) return Range{*first, size - *first};
  if (!last || *last < *first) return std::nullopt;
  return Range{*first, std::min(*last, size - 1) - *first + 1};
}

// The blob must be the repository's. Who saw it there may rely on it: its grace starts anew.
Blob require_blob(Call& call, std::string_view digest) {
  if (!image::valid_digest(digest)) throw bad_digest(digest);
  std::optional<Blob> blob;
  bool referenced = false;
  const auto old = (call.now() - seconds(3600)).time_since_epoch().count();
  call.deps.store.read([&](const store::Reader& db) {
    blob = find_blob(db, *call.repository, digest);
    if (blob && blob->since_us < old) referenced = blob_referenced(db, *call.repository, digest);
  });
  if (!blob || !call.deps.content.has(digest)) throw blob_unknown(digest);
  if (blob->since_us < old && !referenced)
    call.deps.store.write(
        [&](store::Writer& db) { add_blob(db, *call.repository, digest, blob->size, call.now()); });
  return *blob;
}

void read_blob(Call& call) {
  call.authorize("ecr:GetDownloadUrlForLayer");
  const auto& digest = call.route.argument;
  const Blob blob = require_blob(call, digest);
  net::Headers headers = with_version({{"Content-Type", "application/octet-stream"},
                                       {"Docker-Content-Digest", digest},
                                       {"ETag", "\"" + digest + "\""},
                                       {"Accept-Ranges", "bytes"}});
  Range range{0, blob.size};
  int status = 200;
  const auto wanted = call.header("Range");
  // Several ranges at once, or another unit: the whole blob, as HTTP allows.
  if (wanted.substr(0, 6) == "bytes=" && wanted.find(',') == std::string_view::npos) {
    const auto one = parse_range(wanted.substr(6), blob.size);
    if (!one) {
      headers.set("Content-Range", fmt::format("bytes */{}", blob.size));
      return call.http.respond(416, headers, "");
    }
    range = *one;
    status = 206;
    headers.set("Content-Range", fmt::format("bytes {}-{}/{}", range.first,
                                             range.first + range.length - 1, blob.size));
  }
  const Fd file = call.deps.content.open(digest);
  call.http.begin(status, headers, range.length);
  call.http.send_file(file.get(), range.first, range.length);
  call.http.finish();
}

void delete_blob(Call& call) {
  call.authorize("ecr:BatchDeleteImage");
  const auto& digest = call.route.argument;
  if (!image::valid_digest(digest)) throw bad_digest(digest);
  call.deps.store.write([&](store::Writer& db) {
    if (!find_blob(db, *call.repository, digest)) throw blob_unknown(digest);
    if (blob_referenced(db, *call.repository, digest))
      throw RegistryError(Code::blob_referenced, Kind::conflict,
                          "the blob belongs to an image of this repository; delete the image",
                          digest);
    erase_blob(db, *call.repository, digest);
  });
  call.http.respond(202, with_version({{"Content-Length", "0"}}), "");
}

ByteSource body_of(Call& call) {
  return [&call](std::span<char> into) { return call.http.read(into); };
}

// "0-<last>", and as Docker has it "0-0" for nothing.
std::string range_text(uint64_t received) {
  return fmt::format("0-{}", received == 0 ? 0 : received - 1);
}

void answer_upload(Call& call, int status, const std::string& id, uint64_t received) {
  call.http.respond(status,
                    with_version({{"Location", call.url("blobs/uploads/" + id)},
                                  {"Range", range_text(received)},
                                  {"Docker-Upload-UUID", id},
                                  {"Content-Length", "0"}}),
                    "");
}

void answer_created(Call& call, const std::string& digest) {
  call.http.respond(201,
                    with_version({{"Location", call.url("blobs/" + digest)},
                                  {"Docker-Content-Digest", digest},
                                  {"Content-Length", "0"}}),
                    "");
}

void register_blob(Call& call, std::string_view digest, uint64_t size) {
  call.deps.store.write(
      [&](store::Writer& db) { add_blob(db, *call.repository, digest, size, call.now()); });
}

// Makes a blob of another repository ours too; false when it is not there.
bool mount(Call& call, const std::string& digest, const std::string& from) {
  if (!image::valid_digest(digest)) throw bad_digest(digest);
  std::optional<Blob> blob;
  call.deps.store.read([&](const store::Reader& db) {
    if (const auto source = find_repository(db, call.scope, from))
      blob = find_blob(db, *source, digest);
  });
  if (!blob || !call.deps.content.touch(digest)) return false;
  register_blob(call, digest, blob->size);
  answer_created(call, digest);
  return true;
}

void finish_upload(Call& call, const std::string& id, const std::string& digest) {
  const auto blob = call.deps.uploads.finish(id, call.repository->arn(), digest);
  register_blob(call, blob.digest, blob.size);
  answer_created(call, blob.digest);
}

// "<first>-<last>", sometimes with "bytes ".
std::optional<uint64_t> chunk_offset(Call& call) {
  std::string_view text = trim(call.header("Content-Range"));
  if (text.empty()) return std::nullopt;
  if (text.substr(0, 6) == "bytes ") text.remove_prefix(6);
  const auto [first_text, rest] = split_once(text, '-');
  const auto first = parse_uint(first_text);
  const auto last = parse_uint(split_once(rest, '/').first);
  if (!first || !last || *last < *first)
    throw RegistryError(
        Code::range_invalid, Kind::invalid_argument,
        fmt::format("Content-Range \"{}\" is not <first>-<last>", text.substr(0, 100)));
  const auto length = parse_uint(call.header("Content-Length"));
  if (length && *length != *last - *first + 1)
    throw RegistryError(Code::range_invalid, Kind::invalid_argument,
                        fmt::format("Content-Range names {} bytes, Content-Length {}",
                                    *last - *first + 1, *length));
  return first;
}

uint64_t append(Call& call, const std::string& id) {
  const std::string owner = call.repository->arn();
  return call.deps.uploads.append(id, owner, body_of(call), chunk_offset(call));
}

}  // namespace

void serve_blob(Call& call) {
  if (call.method() == "GET" || call.method() == "HEAD") return read_blob(call);
  if (call.method() == "DELETE") return delete_blob(call);
  method_not_allowed(call);
}

void serve_uploads(Call& call) {
  if (call.method() != "POST") method_not_allowed(call);
  call.authorize("ecr:InitiateLayerUpload");
  const std::string mounted = query_value(call.query, "mount");
  if (!mounted.empty() && mount(call, mounted, query_value(call.query, "from"))) return;
  const std::string digest = query_value(call.query, "digest");
  if (!digest.empty() && !image::valid_digest(digest)) throw bad_digest(digest);
  const std::string id = call.deps.uploads.start(call.repository->arn());
  if (digest.empty()) return answer_upload(call, 202, id, 0);
  try {
    append(call, id);
  } catch (...) {  // nobody was told the id
    call.deps.uploads.cancel(id, call.repository->arn());
    throw;
  }
  finish_upload(call, id, digest);
}

void serve_upload(Call& call) {
  const std::string& id = call.route.argument;
  const std::string owner = call.repository->arn();
  if (call.method() == "GET" || call.method() == "HEAD")
    return answer_upload(call, 204, id, call.deps.uploads.received(id, owner));
  if (call.method() == "DELETE") {
    call.deps.uploads.cancel(id, owner);
    return call.http.respond(204, with_version({}), "");
  }
  if (call.method() != "PATCH" && call.method() != "PUT") method_not_allowed(call);
  call.authorize(call.method() == "PUT" ? "ecr:CompleteLayerUpload" : "ecr:UploadLayerPart");
  const std::string digest = query_value(call.query, "digest");
  if (call.method() == "PUT" && !image::valid_digest(digest)) throw bad_digest(digest);
  uint64_t received = 0;
  try {
    received = append(call, id);
  } catch (const RegistryError& e) {
    if (e.code() != Code::range_invalid) throw;
    return answer_upload(call, 416, id, call.deps.uploads.received(id, owner));
  }
  if (call.method() == "PATCH") return answer_upload(call, 202, id, received);
  finish_upload(call, id, digest);
}

}  // namespace slipway::registry

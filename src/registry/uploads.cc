// Uploads as files <root>/<id> with their owner in <root>/<id>.owner.
#include "registry/uploads.h"

#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unordered_map>

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/sync.h"
#include "codec/hash.h"
#include "image/write_behind.h"
#include "registry/repositories.h"

namespace slipway::registry {

namespace {

constexpr uint64_t max_blob_bytes = 52'000ull << 20;  // ECR's quota for one layer
constexpr size_t chunk_bytes = 256 * 1024;

struct Session {
  std::string id, owner, path;
  uint64_t received = 0;
  TimePoint touched;
  bool busy = false;
  std::optional<Hasher> hash;  // sha256 of all received; absent: unknown after a restart or failure
};
using SessionPtr = std::shared_ptr<Session>;

RegistryError unknown(std::string_view id) {
  return RegistryError(Code::upload_unknown, Kind::not_found,
                       fmt::format("The upload with id '{}' does not exist", id.substr(0, 64)));
}

std::string hash_file(const std::string& path, std::string_view algorithm) {
  const Fd file = open_file(path, O_RDONLY);
  Hasher hash(algorithm);
  std::vector<char> buffer(chunk_bytes);
  while (const size_t n = read_some(file.get(), buffer))
    hash.update(std::string_view(buffer.data(), n));
  return hash.digest();
}

}  // namespace

struct Uploads::Impl {
  std::string root;
  image::ContentStore& content;
  const Clock& clock;
  Sync<std::unordered_map<std::string, SessionPtr>> sessions;

  void load() {
    make_directories(root, 0700);
    for (const auto& entry : std::filesystem::directory_iterator(root)) {
      const std::string id = entry.path().filename();
      if (id.ends_with(".owner")) continue;
      const auto owner = read_file_if_exists(entry.path().string() + ".owner");
      if (!owner || !entry.is_regular_file()) {
        remove_tree(entry.path());
        continue;
      }
      auto session = std::make_shared<Session>();
      session->id = id;
      session->owner = *owner;
      session->path = entry.path();
      session->received = entry.file_size();
      session->touched = clock.now();
      sessions.lock()->emplace(id, session);
    }
  }

  SessionPtr find(std::string_view id, std::string_view owner) const {
    auto all = sessions.lock();
    const auto it = all->find(std::string(id));
    if (it == all->end() || it->second->owner != owner) throw unknown(id);
    return it->second;
  }

  // Exclusive use of a session for one request.
  SessionPtr claim(std::string_view id, std::string_view owner) const {
    const auto session = find(id, owner);
    const auto locked = sessions.lock();
    if (session->busy)
      throw RegistryError(Code::upload_invalid, Kind::conflict,
                          "another request is working on this upload");
    session->busy = true;
    return session;
  }
  void release(const SessionPtr& session) const {
    const auto locked = sessions.lock();
    session->busy = false;
    session->touched = clock.now();
  }

  void forget(const SessionPtr& session) {
    sessions.lock()->erase(session->id);
    ::unlink(session->path.c_str());
    ::unlink((session->path + ".owner").c_str());
  }

  // Returns the bytes appended; on an exception the file is cut back.
  uint64_t copy(Session& session, const ByteSource& source) const {
    const Fd file = open_file(session.path, O_WRONLY);
    check(::lseek(file.get(), static_cast<off_t>(session.received), SEEK_SET), "seek");
    image::WriteBehind behind(file.get(), session.received);
    std::vector<char> buffer(chunk_bytes);
    uint64_t total = 0;
    try {
      while (const size_t n = source(buffer)) {
        total += n;
        if (session.received + total > max_blob_bytes)
          throw RegistryError(Code::upload_invalid, Kind::too_large,
                              fmt::format("a layer has at most {} bytes", max_blob_bytes));
        const std::string_view bytes(buffer.data(), n);
        write_all(file.get(), bytes);
        behind.wrote(n);
        if (session.hash) session.hash->update(bytes);
      }
    } catch (...) {
      session.hash.reset();
      if (::ftruncate(file.get(), static_cast<off_t>(session.received)) != 0)
        throw SystemError(errno, "cut back an upload");
      throw;
    }
    return total;
  }
};

Uploads::Uploads(std::string root, image::ContentStore& content, const Clock& clock)
    : impl_(new Impl{std::move(root), content, clock, {}}) {
  impl_->load();
}

Uploads::~Uploads() = default;

std::string Uploads::start(std::string_view owner) {
  auto session = std::make_shared<Session>();
  session->id = random_uuid();
  session->owner = owner;
  session->path = impl_->root + "/" + session->id;
  session->touched = impl_->clock.now();
  session->hash.emplace("sha256");
  write_file(session->path + ".owner", owner, 0600);
  write_file(session->path, "", 0600);
  impl_->sessions.lock()->emplace(session->id, session);
  return session->id;
}

uint64_t Uploads::received(std::string_view id, std::string_view owner) const {
  const auto session = impl_->find(id, owner);
  const auto locked = impl_->sessions.lock();
  return session->received;
}

uint64_t Uploads::append(std::string_view id, std::string_view owner, const ByteSource& source,
                         std::optional<uint64_t> offset) {
  const auto session = impl_->claim(id, owner);
  Finally release([&] { impl_->release(session); });
  if (offset && *offset != session->received)
    throw RegistryError(Code::range_invalid, Kind::invalid_argument,
                        fmt::format("the chunk starts at {}, but the upload has {} bytes", *offset,
                                    session->received));
  const uint64_t added = impl_->copy(*session, source);
  const auto locked = impl_->sessions.lock();
  return session->received += added;
}

image::Descriptor Uploads::finish(std::string_view id, std::string_view owner,
                                  std::string_view digest) {
  const auto session = impl_->claim(id, owner);
  Finally release([&] { impl_->release(session); });
  if (!image::valid_digest(digest))
    throw RegistryError(Code::digest_invalid, Kind::invalid_argument,
                        fmt::format("\"{}\" is not a digest", digest.substr(0, 160)));
  const std::string algorithm(digest.substr(0, digest.find(':')));
  const std::string actual = algorithm == "sha256" && session->hash
                                 ? session->hash->digest()
                                 : hash_file(session->path, algorithm);
  session->hash.reset();  // it has ended; should what follows fail, it is computed anew
  if (actual == digest) impl_->content.adopt(session->path, actual);
  impl_->forget(session);
  if (actual != digest)
    throw RegistryError(Code::digest_invalid, Kind::invalid_argument,
                        fmt::format("Layer digest '{}' does not match the uploaded bytes, which "
                                    "have digest '{}'",
                                    digest, actual),
                        std::string(digest));
  return {"", actual, session->received};
}

void Uploads::cancel(std::string_view id, std::string_view owner) {
  const auto session = impl_->claim(id, owner);
  impl_->forget(session);
}

void Uploads::sweep(microseconds idle) {
  std::vector<SessionPtr> old;
  {
    auto all = impl_->sessions.lock();
    for (const auto& [id, session] : *all)
      if (!session->busy && impl_->clock.now() - session->touched >= idle) {
        session->busy = true;
        old.push_back(session);
      }
  }
  for (const auto& session : old) impl_->forget(session);
}

}  // namespace slipway::registry

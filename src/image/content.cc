// The content store: one file per blob, named by its digest. A blob appears by rename after fsync,
// so a file that is there is whole. Collection never takes a blob that somebody touched lately: the
// modification time is the time of the last commit, has-check of a client, or mount.
#include <fcntl.h>
#include <filesystem>
#include <mutex>
#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "codec/hash.h"
#include "image/image.h"
#include "image/write_behind.h"

namespace slipway::image {

namespace fs = std::filesystem;

namespace {

void require_digest(std::string_view digest) {
  if (!valid_digest(digest))
    throw invalid_argument("\"{}\" is not a digest (sha256:<64 hex digits>)",
                           digest.substr(0, 160));
}

class FileIngest final : public Ingest {
 public:
  FileIngest(ContentStore& store, std::string path, std::string_view algorithm)
      : store_(store),
        path_(std::move(path)),
        file_(open_file(path_, O_WRONLY | O_CREAT | O_EXCL, 0600)),
        hash_(algorithm) {}
  ~FileIngest() override {
    if (!committed_) ::unlink(path_.c_str());
  }

  void write(std::string_view bytes) override {
    write_all(file_.get(), bytes);
    behind_.wrote(bytes.size());
    hash_.update(bytes);
    size_ += bytes.size();
  }
  uint64_t size() const override { return size_; }

  Digest commit(std::string_view expected) override {
    SLIPWAY_ASSERT(!committed_);
    const std::string digest = hash_.digest();
    if (!expected.empty() && digest != expected)
      throw invalid_argument("the content has digest {}, not {} as announced", digest, expected);
    file_.reset();
    store_.adopt(path_, digest);
    committed_ = true;
    return digest;
  }

 private:
  ContentStore& store_;
  std::string path_;
  Fd file_;
  WriteBehind behind_{file_.get()};
  Hasher hash_;
  uint64_t size_ = 0;
  bool committed_ = false;
};

}  // namespace

struct ContentStore::Impl {
  std::string root;
  // Held for the moment of a touch or of a conditional removal, so that one of them wins.
  mutable std::mutex removal;
};

ContentStore::ContentStore(std::string root) : impl_(std::make_unique<Impl>()) {
  impl_->root = std::move(root);
  for (const char* algorithm : {"sha256", "sha512"})
    make_directories(impl_->root + "/blobs/" + algorithm, 0700);
  // What an earlier run was writing has no owner any more. (The registry keeps its resumable
  // uploads elsewhere.)
  remove_tree(impl_->root + "/ingest");
  make_directories(impl_->root + "/ingest", 0700);
}

ContentStore::~ContentStore() = default;

std::unique_ptr<Ingest> ContentStore::ingest(std::string_view algorithm) {
  if (algorithm != "sha256" && algorithm != "sha512")
    throw invalid_argument("digest algorithm \"{}\" is not supported (sha256, sha512)", algorithm);
  return std::make_unique<FileIngest>(*this, impl_->root + "/ingest/" + random_hex(16), algorithm);
}

Digest ContentStore::put(std::string_view bytes) {
  const std::string digest = sha256_digest(bytes);
  if (touch(digest)) return digest;
  auto writer = ingest();
  writer->write(bytes);
  return writer->commit(digest);
}

void ContentStore::adopt(const std::string& file, const Digest& digest) {
  if (touch(digest)) {
    ::unlink(file.c_str());
    return;
  }
  const std::string target = path(digest);
  const Fd fd = open_file(file, O_RDONLY);
  check(::fsync(fd.get()), "fsync {}", file);
  const std::string folder = fs::path(target).parent_path();
  if (!exists(folder)) {
    make_directories(folder, 0700);
    sync_directory(fs::path(folder).parent_path());
  }
  check(::rename(file.c_str(), target.c_str()), "rename {} to {}", file, target);
  sync_directory(folder);
}

std::string ContentStore::path(std::string_view digest) const {
  require_digest(digest);
  const auto colon = digest.find(':');
  const auto hex = digest.substr(colon + 1);
  return fmt::format("{}/blobs/{}/{}/{}", impl_->root, digest.substr(0, colon), hex.substr(0, 2),
                     hex);
}

bool ContentStore::has(std::string_view digest) const {
  return size(digest).has_value();
}

std::optional<uint64_t> ContentStore::size(std::string_view digest) const {
  if (!valid_digest(digest)) return std::nullopt;
  struct stat info {};
  if (::stat(path(digest).c_str(), &info) != 0) return std::nullopt;
  return static_cast<uint64_t>(info.st_size);
}

Fd ContentStore::open(std::string_view digest) const {
  const std::string file = path(digest);
  Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) throw not_found("blob {} is not in the content store", digest);
  check(fd.get(), "open {}", file);
  return fd;
}

std::string ContentStore::read(std::string_view digest, size_t limit) const {
  const Fd fd = open(digest);
  struct stat info {};
  check(::fstat(fd.get(), &info), "stat blob {}", digest);
  if (static_cast<uint64_t>(info.st_size) > limit)
    throw too_large("blob {} has {} bytes, more than the {} allowed here", digest, info.st_size,
                    limit);
  std::string out(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < out.size()) {
    const size_t n = read_some(fd.get(), std::span(out).subspan(done));
    if (n == 0) throw internal("blob {} is shorter than its file says", digest);
    done += n;
  }
  return out;
}

bool ContentStore::remove(std::string_view digest) {
  const std::lock_guard lock(impl_->removal);
  return ::unlink(path(digest).c_str()) == 0;
}

bool ContentStore::touch(std::string_view digest) const {
  if (!valid_digest(digest)) return false;
  const std::lock_guard lock(impl_->removal);
  return ::utimensat(AT_FDCWD, path(digest).c_str(), nullptr, 0) == 0;
}

bool ContentStore::remove_if_idle(std::string_view digest, microseconds idle) {
  const std::string file = path(digest);
  const std::lock_guard lock(impl_->removal);
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return false;
  const TimePoint touched{seconds(info.st_mtim.tv_sec) + microseconds(info.st_mtim.tv_nsec / 1000)};
  if (SystemClock().now() - touched < idle) return false;
  return ::unlink(file.c_str()) == 0;
}

std::vector<Descriptor> ContentStore::list() const {
  std::vector<Descriptor> out;
  for (const char* algorithm : {"sha256", "sha512"}) {
    const std::string base = impl_->root + "/blobs/" + algorithm;
    for (fs::recursive_directory_iterator it(base), end; it != end; ++it) {
      std::error_code gone;
      if (!it->is_regular_file(gone)) continue;
      const auto digest = std::string(algorithm) + ":" + it->path().filename().string();
      const auto bytes = it->file_size(gone);
      if (!gone && valid_digest(digest)) out.push_back({"", digest, bytes});
    }
  }
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.digest < b.digest; });
  return out;
}

}  // namespace slipway::image

#include "codec/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <exception>
#include <locale.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"

namespace slipway {
namespace {

constexpr size_t kTarBlock = 128 * 1024;

// libarchive converts names between the archive's UTF-8 and the thread's locale; in the "C" locale
// every name that is not ASCII would be lost.
class Utf8Names {
 public:
  Utf8Names() : before_(::uselocale(utf8())) {}
  ~Utf8Names() { ::uselocale(before_); }
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;

 private:
  static locale_t utf8() {
    static const locale_t made = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return made;  // 0 (absent): uselocale only queries
  }
  locale_t before_;
};

std::string text_or_empty(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

TarType type_of(archive_entry* entry) {
  switch (archive_entry_filetype(entry)) {
    case AE_IFDIR:
      return TarType::directory;
    case AE_IFLNK:
      return TarType::symlink;
    case AE_IFCHR:
      return TarType::char_device;
    case AE_IFBLK:
      return TarType::block_device;
    case AE_IFIFO:
      return TarType::fifo;
    case AE_IFREG:
    case 0:
      return TarType::file;
    default:
      throw invalid_argument("tar: entry {} has an unsupported type",
                             text_or_empty(archive_entry_pathname(entry)));
  }
}

unsigned filetype_of(TarType type) {
  switch (type) {
    case TarType::directory:
      return AE_IFDIR;
    case TarType::symlink:
      return AE_IFLNK;
    case TarType::char_device:
      return AE_IFCHR;
    case TarType::block_device:
      return AE_IFBLK;
    case TarType::fifo:
      return AE_IFIFO;
    case TarType::file:
    case TarType::hardlink:
      break;
  }
  return AE_IFREG;
}

uint32_t id_of(int64_t value, const char* what, const std::string& name) {
  if (value < 0 || value > 0xFFFFFFFELL) {
    throw invalid_argument("tar: entry {} has an impossible {} {}", name, what, value);
  }
  return static_cast<uint32_t>(value);
}

void read_xattrs(archive_entry* from, TarEntry& to) {
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  archive_entry_xattr_reset(from);
  while (archive_entry_xattr_next(from, &name, &value, &size) == ARCHIVE_OK) {
    to.xattrs.emplace_back(name, std::string(static_cast<const char*>(value), size));
  }
}

TarEntry convert(archive_entry* from) {
  TarEntry to;
  const char* name = archive_entry_pathname(from);
  if (name == nullptr || *name == 0) throw invalid_argument("tar: an entry without a usable name");
  to.name = name;
  if (const char* target = archive_entry_hardlink(from)) {
    to.type = TarType::hardlink;
    to.link_target = target;
  } else {
    to.type = type_of(from);
    if (to.type == TarType::symlink) to.link_target = text_or_empty(archive_entry_symlink(from));
  }
  to.mode = archive_entry_perm(from) & 07777;
  to.uid = id_of(archive_entry_uid(from), "owner", to.name);
  to.gid = id_of(archive_entry_gid(from), "group", to.name);
  to.mtime = archive_entry_mtime(from);
  to.mtime_ns = static_cast<uint32_t>(std::clamp(archive_entry_mtime_nsec(from), 0L, 999'999'999L));
  if (to.type == TarType::file) {
    if (archive_entry_size(from) < 0) throw invalid_argument("tar: {}: negative size", to.name);
    to.size = static_cast<uint64_t>(archive_entry_size(from));
  }
  to.device_major = static_cast<uint32_t>(archive_entry_rdevmajor(from));
  to.device_minor = static_cast<uint32_t>(archive_entry_rdevminor(from));
  read_xattrs(from, to);
  return to;
}

}  // namespace

struct TarReader::Impl {
  ByteSource source;
  std::vector<char> block = std::vector<char>(kTarBlock);
  std::exception_ptr failure;  // of the source: exceptions must not pass through C
  uint64_t taken = 0;          // bytes that the source has given
  uint64_t data_end = 0;       // where the current entry's data ends, counted the same way
  std::unique_ptr<archive, int (*)(archive*)> handle{archive_read_new(), archive_read_free};

  // The docker CLI ends the archive right after the last entry's data when the Dockerfile is not in
  // the context: without the padding to a full record. Only there is it made up for; an archive
  // that ends earlier is still truncated.
  size_t missing_padding() {
    constexpr size_t record = 512;
    if (taken != data_end || taken % record == 0) return 0;
    const size_t n = record - taken % record;
    std::fill_n(block.begin(), n, '\0');
    taken += n;
    return n;
  }

  static la_ssize_t on_read(archive* a, void* self_pointer, const void** out) {
    auto& self = *static_cast<Impl*>(self_pointer);
    try {
      *out = self.block.data();
      const size_t n = self.source(self.block);
      self.taken += n;
      return static_cast<la_ssize_t>(n > 0 ? n : self.missing_padding());
    } catch (...) {
      self.failure = std::current_exception();
      archive_set_error(a, EIO, "source failed");
      return -1;
    }
  }

  [[noreturn]] void fail() {
    if (failure) std::rethrow_exception(failure);
    throw invalid_argument("tar: {}", text_or_empty(archive_error_string(handle.get())));
  }
};

TarReader::TarReader(ByteSource source) : impl_(std::make_unique<Impl>()) {
  impl_->source = std::move(source);
  archive* a = impl_->handle.get();
  if (a == nullptr) throw internal("out of memory for tar");
  archive_read_support_format_tar(a);
  archive_read_support_format_empty(a);
  if (archive_read_open(a, impl_.get(), nullptr, Impl::on_read, nullptr) != ARCHIVE_OK) {
    impl_->fail();
  }
}

TarReader::~TarReader() = default;

bool TarReader::next(TarEntry& entry) {
  const Utf8Names names;
  archive_entry* found = nullptr;
  const int rc = archive_read_next_header(impl_->handle.get(), &found);
  if (rc == ARCHIVE_EOF) return false;
  // A warning is about something we do not use (times that do not fit, ACLs, names of owners), or
  // about the name, which convert() checks.
  if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) impl_->fail();
  entry = convert(found);
  impl_->data_end =
      static_cast<uint64_t>(archive_filter_bytes(impl_->handle.get(), 0)) + entry.size;
  return true;
}

size_t TarReader::read(std::span<char> into) {
  const auto n = archive_read_data(impl_->handle.get(), into.data(), into.size());
  if (n < 0) impl_->fail();
  return static_cast<size_t>(n);
}

struct TarWriter::Impl {
  ByteSink sink;
  std::exception_ptr failure;
  std::string current;   // the entry that is being written
  uint64_t missing = 0;  // of its data
  std::unique_ptr<archive, int (*)(archive*)> handle{archive_write_new(), archive_write_free};
  std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry{archive_entry_new(),
                                                                 archive_entry_free};

  static la_ssize_t on_write(archive* a, void* self_pointer, const void* bytes, size_t size) {
    auto& self = *static_cast<Impl*>(self_pointer);
    try {
      // archive_write_free flushes even after a failure; the sink hears nothing more then.
      if (!self.failure && self.sink) self.sink({static_cast<const char*>(bytes), size});
      return static_cast<la_ssize_t>(size);
    } catch (...) {
      self.failure = std::current_exception();
      archive_set_error(a, EIO, "sink failed");
      return -1;
    }
  }

  void check_ok(int rc) {
    if (rc == ARCHIVE_OK || rc == ARCHIVE_WARN) return;
    if (failure) std::rethrow_exception(failure);
    throw invalid_argument("tar: {}: {}", current,
                           text_or_empty(archive_error_string(handle.get())));
  }

  void require_complete() {
    if (missing > 0) throw internal("tar: {}: {} bytes of data are missing", current, missing);
  }

  void fill(const TarEntry& from) {
    archive_entry* to = entry.get();
    archive_entry_clear(to);
    archive_entry_copy_pathname(to, from.name.c_str());
    archive_entry_set_filetype(to, filetype_of(from.type));
    archive_entry_set_perm(to, static_cast<mode_t>(from.mode & 07777));
    archive_entry_set_uid(to, from.uid);
    archive_entry_set_gid(to, from.gid);
    archive_entry_set_mtime(to, from.mtime, static_cast<long>(from.mtime_ns));
    if (from.type == TarType::symlink) archive_entry_copy_symlink(to, from.link_target.c_str());
    if (from.type == TarType::hardlink) archive_entry_copy_hardlink(to, from.link_target.c_str());
    archive_entry_set_size(to, static_cast<la_int64_t>(missing));
    if (from.type == TarType::char_device || from.type == TarType::block_device) {
      archive_entry_set_rdev(to, makedev(from.device_major, from.device_minor));
    }
    for (const auto& [name, value] : from.xattrs) {
      archive_entry_xattr_add_entry(to, name.c_str(), value.data(), value.size());
    }
  }
};

TarWriter::TarWriter(ByteSink sink) : impl_(std::make_unique<Impl>()) {
  impl_->sink = std::move(sink);
  archive* a = impl_->handle.get();
  if (a == nullptr || !impl_->entry) throw internal("out of memory for tar");
  // "Restricted" pax: extended headers only where an entry needs them.
  impl_->check_ok(archive_write_set_format_pax_restricted(a));
  impl_->check_ok(archive_write_set_format_option(a, "pax", "xattrheader", "SCHILY"));
  archive_write_set_bytes_per_block(a, 64 * 1024);
  archive_write_set_bytes_in_last_block(a, 1);
  impl_->check_ok(archive_write_open(a, impl_.get(), nullptr, Impl::on_write, nullptr));
}

TarWriter::~TarWriter() {
  impl_->sink = nullptr;  // what was not finished is not completed behind the caller's back
}

void TarWriter::add(const TarEntry& entry) {
  const Utf8Names names;
  impl_->require_complete();
  impl_->current = entry.name;
  impl_->missing = entry.type == TarType::file ? entry.size : 0;
  impl_->fill(entry);
  impl_->check_ok(archive_write_header(impl_->handle.get(), impl_->entry.get()));
}

void TarWriter::write(std::string_view bytes) {
  if (bytes.size() > impl_->missing) {
    throw internal("tar: {}: more data than announced", impl_->current);
  }
  while (!bytes.empty()) {
    const auto n = archive_write_data(impl_->handle.get(), bytes.data(), bytes.size());
    if (n <= 0) impl_->check_ok(n < 0 ? static_cast<int>(n) : ARCHIVE_FATAL);
    bytes.remove_prefix(static_cast<size_t>(n));
    impl_->missing -= static_cast<uint64_t>(n);
  }
}

void TarWriter::finish() {
  const Utf8Names names;
  impl_->require_complete();
  impl_->check_ok(archive_write_close(impl_->handle.get()));
}

}  // namespace slipway

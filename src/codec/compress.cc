// The readers: gzip, zstd, bzip2 and xz, told apart by their first bytes.
#include "codec/compress.h"

#include <archive.h>
#include <isa-l/igzip_lib.h>
#include <vector>
#include <zstd.h>

#include "base/error.h"
#include "base/fd.h"

namespace slipway {
namespace {

constexpr size_t kBlock = 128 * 1024;

uint8_t* bytes_of(const char* p) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(p));
}

// Input of the decompressors: a block of the source, consumed from the front.
struct Input {
  explicit Input(ByteSource from) : source(std::move(from)), buffer(kBlock) {}
  // False at the end of the source.
  bool refill() {
    position = 0;
    size = source(buffer);
    return size > 0;
  }
  const char* data() const { return buffer.data() + position; }
  size_t left() const { return size - position; }

  ByteSource source;
  std::vector<char> buffer;
  size_t position = 0, size = 0;
};

class GunzipReader {
 public:
  explicit GunzipReader(std::shared_ptr<Input> input) : input_(std::move(input)) { start_member(); }

  size_t read(std::span<char> into) {
    if (into.empty()) return 0;
    for (;;) {
      if (!ended_ && input_->left() == 0 && !input_->refill()) ended_ = true;
      if (member_done_ && !begin_next_member()) return 0;
      const size_t made = inflate(into);
      if (made > 0) return made;
      if (ended_ && !member_done_) throw invalid_argument("gzip data is truncated");
    }
  }

 private:
  void start_member() {
    isal_inflate_init(&state_);
    state_.crc_flag = ISAL_GZIP;
    member_done_ = false;
  }

  // gzip files may be several members in a row, and may be padded with zeros.
  bool begin_next_member() {
    for (;;) {
      while (input_->left() > 0 && *input_->data() == 0) ++input_->position;
      if (input_->left() > 0) break;
      if (ended_ || !input_->refill()) return false;
    }
    if (static_cast<unsigned char>(*input_->data()) != 0x1f) {
      throw invalid_argument("gzip data is followed by something else");
    }
    start_member();
    return true;
  }

  size_t inflate(std::span<char> into) {
    state_.next_in = bytes_of(input_->data());
    state_.avail_in = static_cast<uint32_t>(input_->left());
    state_.next_out = bytes_of(into.data());
    state_.avail_out = static_cast<uint32_t>(std::min<size_t>(into.size(), 1u << 30));
    const auto room = state_.avail_out;
    const int rc = isal_inflate(&state_);
    input_->position = input_->size - state_.avail_in;
    if (rc != ISAL_DECOMP_OK && rc != ISAL_END_INPUT) {
      throw invalid_argument("gzip data is corrupt ({})",
                             rc == ISAL_INCORRECT_CHECKSUM ? "wrong checksum" : "bad block");
    }
    if (state_.block_state == ISAL_BLOCK_FINISH) member_done_ = true;
    return room - state_.avail_out;
  }

  std::shared_ptr<Input> input_;
  inflate_state state_;
  bool member_done_ = false, ended_ = false;
};

class ZstdReader {
 public:
  explicit ZstdReader(std::shared_ptr<Input> input) : input_(std::move(input)) {
    if (!stream_) throw internal("out of memory for zstd");
    // 128 MB windows are the most that the zstd tool itself accepts by default.
    ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, 27);
  }

  size_t read(std::span<char> into) {
    if (into.empty()) return 0;
    for (;;) {
      if (input_->left() == 0 && !flush_pending_ && !input_->refill()) {
        if (in_frame_) throw invalid_argument("zstd data is truncated");
        return 0;
      }
      ZSTD_inBuffer in{input_->data(), input_->left(), 0};
      ZSTD_outBuffer out{into.data(), into.size(), 0};
      const size_t rc = ZSTD_decompressStream(stream_.get(), &out, &in);
      if (ZSTD_isError(rc)) {
        throw invalid_argument("zstd data is corrupt ({})", ZSTD_getErrorName(rc));
      }
      input_->position += in.pos;
      in_frame_ = rc != 0;
      flush_pending_ = in_frame_ && out.pos == out.size;
      if (out.pos > 0) return out.pos;
    }
  }

 private:
  std::shared_ptr<Input> input_;
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> stream_{ZSTD_createDCtx(), ZSTD_freeDCtx};
  bool in_frame_ = false, flush_pending_ = false;
};

// bzip2 and xz, by libarchive: rare, and nothing else needs their libraries.
class FilterReader {
 public:
  explicit FilterReader(std::shared_ptr<Input> input) : input_(std::move(input)) {
    if (!archive_) throw internal("out of memory for libarchive");
    archive_read_support_filter_bzip2(archive_.get());
    archive_read_support_filter_xz(archive_.get());
    archive_read_support_format_raw(archive_.get());
    archive_entry* entry = nullptr;
    if (archive_read_open(archive_.get(), this, nullptr, &FilterReader::give, nullptr) !=
            ARCHIVE_OK ||
        archive_read_next_header(archive_.get(), &entry) != ARCHIVE_OK) {
      fail();
    }
  }

  size_t read(std::span<char> into) {
    const auto n = archive_read_data(archive_.get(), into.data(), into.size());
    if (n < 0) fail();
    return static_cast<size_t>(n);
  }

 private:
  [[noreturn]] void fail() {
    if (error_) std::rethrow_exception(error_);
    const char* text = archive_error_string(archive_.get());
    throw invalid_argument("compressed data is corrupt ({})", text != nullptr ? text : "truncated");
  }

  static la_ssize_t give(archive*, void* self, const void** block) {
    auto& reader = *static_cast<FilterReader*>(self);
    try {
      if (reader.input_->left() == 0 && !reader.input_->refill()) return 0;
      *block = reader.input_->data();
      const size_t n = reader.input_->left();
      reader.input_->position += n;
      return static_cast<la_ssize_t>(n);
    } catch (...) {
      reader.error_ = std::current_exception();
      return -1;
    }
  }

  std::shared_ptr<Input> input_;
  std::exception_ptr error_;
  std::unique_ptr<archive, int (*)(archive*)> archive_{archive_read_new(), archive_read_free};
};

size_t read_plain(Input& input, std::span<char> into) {
  if (into.empty()) return 0;
  if (input.left() == 0) return input.source(into);
  const size_t take = std::min(into.size(), input.left());
  std::memcpy(into.data(), input.data(), take);
  input.position += take;
  return take;
}

// Reads until the first six bytes are there (sources may give less at a time).
void fill_magic(Input& input) {
  while (input.size < 6) {
    const size_t n = input.source(std::span(input.buffer).subspan(input.size));
    if (n == 0) break;
    input.size += n;
  }
}

}  // namespace

Compression detect_compression(std::string_view first) {
  if (first.starts_with("\x1f\x8b")) return Compression::gzip;
  if (first.starts_with("\x28\xb5\x2f\xfd")) return Compression::zstd;
  if (first.starts_with("BZh")) return Compression::bzip2;
  if (first.starts_with(std::string_view("\xFD"
                                         "7zXZ\0",
                                         6)))
    return Compression::xz;
  return Compression::none;
}

Compression compression_of_media_type(std::string_view type) {
  if (type.ends_with("+zstd")) return Compression::zstd;
  if (type.ends_with("+gzip") || type.ends_with(".tar.gzip")) return Compression::gzip;
  return Compression::none;
}

ByteSource make_decompressor(ByteSource source, std::optional<Compression> compression) {
  auto input = std::make_shared<Input>(std::move(source));
  if (!compression) {
    fill_magic(*input);
    compression = detect_compression({input->buffer.data(), input->size});
  }
  if (*compression == Compression::gzip) {
    auto reader = std::make_shared<GunzipReader>(input);
    return [reader](std::span<char> into) { return reader->read(into); };
  }
  if (*compression == Compression::zstd) {
    auto reader = std::make_shared<ZstdReader>(input);
    return [reader](std::span<char> into) { return reader->read(into); };
  }
  if (*compression == Compression::bzip2 || *compression == Compression::xz) {
    auto reader = std::make_shared<FilterReader>(input);
    return [reader](std::span<char> into) { return reader->read(into); };
  }
  return [input](std::span<char> into) { return read_plain(*input, into); };
}

ByteSource source_of_string(std::string_view bytes) {
  return [bytes](std::span<char> into) mutable {
    const size_t take = std::min(into.size(), bytes.size());
    std::memcpy(into.data(), bytes.data(), take);
    bytes.remove_prefix(take);
    return take;
  };
}

ByteSource source_of_fd(int fd) {
  return [fd](std::span<char> into) { return read_some(fd, into); };
}

std::string read_to_string(const ByteSource& source, size_t limit) {
  std::string out;
  std::vector<char> block(kBlock);
  while (const size_t n = source(block)) {
    if (n > limit - out.size()) throw too_large("more than {} bytes", limit);
    out.append(block.data(), n);
  }
  return out;
}

}  // namespace slipway

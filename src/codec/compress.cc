#include "codec/compress.h"

#include <archive.h>
#include <deque>
#include <future>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <thread>
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

constexpr size_t kChunk = 1 << 20;

// One chunk as raw deflate blocks that stand alone: a chunk is the same bytes whoever made it.
std::string deflate_chunk(const std::string& in, bool last) {
  static thread_local std::vector<uint8_t> level_buffer(ISAL_DEF_LVL1_DEFAULT);
  isal_zstream stream;
  isal_deflate_init(&stream);
  stream.level = 1;
  stream.level_buf = level_buffer.data();
  stream.level_buf_size = static_cast<uint32_t>(level_buffer.size());
  stream.gzip_flag = IGZIP_DEFLATE;
  stream.next_in = bytes_of(in.data());
  stream.avail_in = static_cast<uint32_t>(in.size());
  stream.end_of_stream = last ? 1 : 0;
  stream.flush = last ? NO_FLUSH : FULL_FLUSH;
  std::string out;
  std::vector<char> block(kBlock);
  do {
    stream.next_out = bytes_of(block.data());
    stream.avail_out = static_cast<uint32_t>(block.size());
    if (isal_deflate(&stream) != COMP_OK) throw internal("gzip compression failed");
    out.append(block.data(), block.size() - stream.avail_out);
  } while (stream.avail_out == 0 || stream.avail_in > 0 ||
           (last && stream.internal_state.state != ZSTATE_END));
  return out;
}

// Input is cut into chunks of one size before it is compressed, however it is written: so the
// output is always the same, and chunks are compressed side by side. What fits into one chunk
// needs no other thread.
class GzipWriter : public Compressor {
 public:
  explicit GzipWriter(ByteSink sink)
      : sink_(std::move(sink)),
        most_(std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 8)) {}

  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      if (pending_.size() == kChunk) compress(false);
      const size_t take = std::min(bytes.size(), kChunk - pending_.size());
      pending_.append(bytes.substr(0, take));
      bytes.remove_prefix(take);
    }
  }

  void finish() override {
    if (finished_) return;
    compress(true);
    while (!running_.empty()) drain();
    std::string tail;
    for (const uint32_t value : {crc_, static_cast<uint32_t>(size_)}) {
      for (int shift = 0; shift < 32; shift += 8) tail += static_cast<char>(value >> shift & 255);
    }
    sink_(tail);
    finished_ = true;
  }

 private:
  void compress(bool last) {
    if (!begun_) sink_(std::string_view("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10));
    begun_ = true;
    crc_ = crc32_gzip_refl(crc_, bytes_of(pending_.data()), pending_.size());
    size_ += pending_.size();
    if (last && running_.empty()) return sink_(deflate_chunk(pending_, true));
    while (running_.size() >= most_) drain();
    running_.push_back(std::async(
        std::launch::async, [last](const std::string& chunk) { return deflate_chunk(chunk, last); },
        std::exchange(pending_, {})));
  }

  void drain() {
    const std::string made = running_.front().get();
    running_.pop_front();
    sink_(made);
  }

  ByteSink sink_;
  size_t most_;
  std::string pending_;
  std::deque<std::future<std::string>> running_;
  uint32_t crc_ = 0;
  uint64_t size_ = 0;
  bool begun_ = false, finished_ = false;
};

class ZstdWriter : public Compressor {
 public:
  explicit ZstdWriter(ByteSink sink) : sink_(std::move(sink)), out_(kBlock) {
    if (!stream_) throw internal("out of memory for zstd");
    ZSTD_CCtx_setParameter(stream_.get(), ZSTD_c_compressionLevel, 3);
    ZSTD_CCtx_setParameter(stream_.get(), ZSTD_c_checksumFlag, 1);
    // The output is the same for any number of workers but none.
    ZSTD_CCtx_setParameter(stream_.get(), ZSTD_c_nbWorkers, 2);
  }
  void write(std::string_view bytes) override { pass(bytes, ZSTD_e_continue); }
  void finish() override {
    if (!finished_) pass({}, ZSTD_e_end);
    finished_ = true;
  }

 private:
  void pass(std::string_view bytes, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (;;) {
      ZSTD_outBuffer out{out_.data(), out_.size(), 0};
      const size_t left = ZSTD_compressStream2(stream_.get(), &out, &in, directive);
      if (ZSTD_isError(left)) throw internal("zstd compression failed");
      if (out.pos > 0) sink_({out_.data(), out.pos});
      if (directive == ZSTD_e_end ? left == 0 : in.pos == in.size) return;
    }
  }

  ByteSink sink_;
  std::vector<char> out_;
  std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> stream_{ZSTD_createCCtx(), ZSTD_freeCCtx};
  bool finished_ = false;
};

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

std::unique_ptr<Compressor> make_gzip_writer(ByteSink sink) {
  return std::make_unique<GzipWriter>(std::move(sink));
}

std::unique_ptr<Compressor> make_zstd_writer(ByteSink sink) {
  return std::make_unique<ZstdWriter>(std::move(sink));
}

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

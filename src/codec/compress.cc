#include "codec/compress.h"

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

// Input is gathered into whole blocks before it is compressed: ISA-L's output depends on how its
// input is cut, ours must not.
class GzipWriter : public Compressor {
 public:
  explicit GzipWriter(ByteSink sink)
      : sink_(std::move(sink)), level_buffer_(ISAL_DEF_LVL1_DEFAULT), out_(kBlock) {
    pending_.reserve(kBlock);
    isal_deflate_init(&stream_);
    stream_.level = 1;
    stream_.level_buf = level_buffer_.data();
    stream_.level_buf_size = static_cast<uint32_t>(level_buffer_.size());
    stream_.gzip_flag = IGZIP_GZIP;
  }

  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const size_t take = std::min(bytes.size(), kBlock - pending_.size());
      pending_.append(bytes.substr(0, take));
      bytes.remove_prefix(take);
      if (pending_.size() == kBlock) deflate(false);
    }
  }

  void finish() override {
    if (!finished_) deflate(true);
    finished_ = true;
  }

 private:
  void deflate(bool end) {
    stream_.next_in = bytes_of(pending_.data());
    stream_.avail_in = static_cast<uint32_t>(pending_.size());
    stream_.end_of_stream = end ? 1 : 0;
    do {
      stream_.next_out = bytes_of(out_.data());
      stream_.avail_out = static_cast<uint32_t>(out_.size());
      if (isal_deflate(&stream_) != COMP_OK) throw internal("gzip compression failed");
      const size_t made = out_.size() - stream_.avail_out;
      if (made > 0) sink_({out_.data(), made});
    } while (stream_.avail_out == 0 || (end && stream_.internal_state.state != ZSTATE_END));
    pending_.clear();
  }

  ByteSink sink_;
  std::vector<uint8_t> level_buffer_;
  std::vector<char> out_;
  std::string pending_;
  isal_zstream stream_;
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

size_t read_plain(Input& input, std::span<char> into) {
  if (into.empty()) return 0;
  if (input.left() == 0) return input.source(into);
  const size_t take = std::min(into.size(), input.left());
  std::memcpy(into.data(), input.data(), take);
  input.position += take;
  return take;
}

// Reads until the first four bytes are there (sources may give less at a time).
void fill_magic(Input& input) {
  while (input.size < 4) {
    const size_t n = input.source(std::span(input.buffer).subspan(input.size));
    if (n == 0) break;
    input.size += n;
  }
}

}  // namespace

std::unique_ptr<Compressor> make_gzip_writer(ByteSink sink) {
  return std::make_unique<GzipWriter>(std::move(sink));
}

Compression detect_compression(std::string_view first) {
  if (first.starts_with("\x1f\x8b")) return Compression::gzip;
  if (first.starts_with("\x28\xb5\x2f\xfd")) return Compression::zstd;
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

// The writers: gzip in parallel chunks, and zstd.
#include <deque>
#include <future>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <thread>
#include <vector>
#include <zstd.h>

#include "base/error.h"
#include "codec/compress.h"

namespace slipway {
namespace {

constexpr size_t kPackedBlock = 128 * 1024;

uint8_t* input_of(const char* p) {
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
  stream.next_in = input_of(in.data());
  stream.avail_in = static_cast<uint32_t>(in.size());
  stream.end_of_stream = last ? 1 : 0;
  stream.flush = last ? NO_FLUSH : FULL_FLUSH;
  std::string out;
  std::vector<char> block(kPackedBlock);
  do {
    stream.next_out = input_of(block.data());
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
    crc_ = crc32_gzip_refl(crc_, input_of(pending_.data()), pending_.size());
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
  explicit ZstdWriter(ByteSink sink) : sink_(std::move(sink)), out_(kPackedBlock) {
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

}  // namespace

std::unique_ptr<Compressor> make_gzip_writer(ByteSink sink) {
  return std::make_unique<GzipWriter>(std::move(sink));
}

std::unique_ptr<Compressor> make_zstd_writer(ByteSink sink) {
  return std::make_unique<ZstdWriter>(std::move(sink));
}

}  // namespace slipway

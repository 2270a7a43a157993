#include "image/layer_stream.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "codec/hash.h"
#include "image/manifest.h"
#include "image/unpack.h"

namespace slipway::image {

namespace {

constexpr size_t block_bytes = 1u << 20;
constexpr size_t most_blocks = 8;

// Hands bytes to a sink in another thread, a few blocks ahead of it at most.
class Behind {
 public:
  explicit Behind(ByteSink sink) : sink_(std::move(sink)), thread_([this] { work(); }) {}
  ~Behind() {
    const std::lock_guard lock(mutex_);
    abandoned_ = ended_ = true;
    changed_.notify_all();
  }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const size_t take = std::min(bytes.size(), block_bytes - pending_.size());
      pending_.append(bytes.substr(0, take));
      bytes.remove_prefix(take);
      if (pending_.size() == block_bytes) push();
    }
  }

  // Everything has gone through the sink. Throws what the sink threw.
  void finish() {
    if (!pending_.empty()) push();
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    }
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void push() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return blocks_.size() < most_blocks || failure_; });
    if (failure_) std::rethrow_exception(failure_);
    blocks_.push_back(std::move(pending_));
    pending_ = {};
    pending_.reserve(block_bytes);
    changed_.notify_all();
  }

  void work() {
    for (;;) {
      std::string block;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !blocks_.empty() || ended_; });
        if (abandoned_ || blocks_.empty()) return;
        block = std::move(blocks_.front());
        blocks_.pop_front();
        changed_.notify_all();
      }
      try {
        sink_(block);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        failure_ = std::current_exception();
        changed_.notify_all();
        return;
      }
    }
  }

  ByteSink sink_;
  std::string pending_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> blocks_;
  bool ended_ = false, abandoned_ = false;
  std::exception_ptr failure_;
  std::jthread thread_;  // last: it uses all of the above
};

// Reads a source in another thread, a few blocks ahead of whoever wants them.
class Ahead {
 public:
  explicit Ahead(ByteSource source) : source_(std::move(source)), thread_([this] { work(); }) {}
  ~Ahead() {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    changed_.notify_all();
  }

  size_t read(std::span<char> into) {
    if (used_ == block_.size() && !next()) return 0;
    const size_t n = std::min(into.size(), block_.size() - used_);
    std::memcpy(into.data(), block_.data() + used_, n);
    used_ += n;
    return n;
  }

 private:
  // False at the source's end. Throws what the source threw.
  bool next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !blocks_.empty() || ended_; });
    if (blocks_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return false;
    }
    block_ = std::move(blocks_.front());
    blocks_.pop_front();
    used_ = 0;
    changed_.notify_all();
    return true;
  }

  void work() {
    try {
      for (;;) {
        std::string block(block_bytes, '\0');
        size_t have = 0;
        while (have < block.size()) {
          const size_t n = source_(std::span(block).subspan(have));
          if (n == 0) break;
          have += n;
        }
        block.resize(have);
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return blocks_.size() < most_blocks || abandoned_; });
        if (abandoned_) return;
        if (have == 0) break;
        blocks_.push_back(std::move(block));
        changed_.notify_all();
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  ByteSource source_;
  std::string block_;
  size_t used_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> blocks_;
  bool ended_ = false, abandoned_ = false;
  std::exception_ptr failure_;
  std::jthread thread_;  // last: it uses all of the above
};

// The first bytes of a source, which then gives them again.
class Peeked {
 public:
  Peeked(ByteSource source, size_t size) : source_(std::move(source)), first_(size, '\0') {
    size_t have = 0;
    while (have < first_.size()) {
      const size_t n = source_(std::span(first_).subspan(have));
      if (n == 0) break;
      have += n;
    }
    first_.resize(have);
  }
  const std::string& first() const { return first_; }
  size_t read(std::span<char> into) {
    if (used_ == first_.size()) return source_(into);
    const size_t n = std::min(into.size(), first_.size() - used_);
    std::memcpy(into.data(), first_.data() + used_, n);
    used_ += n;
    return n;
  }

 private:
  ByteSource source_;
  std::string first_;
  size_t used_ = 0;
};

std::string layer_media_type(Compression compression) {
  if (compression == Compression::gzip) return std::string(media_docker_layer);
  if (compression == Compression::zstd) return "application/vnd.oci.image.layer.v1.tar+zstd";
  return "application/vnd.oci.image.layer.v1.tar";
}

// One layer on its way.
class LayerStream {
 public:
  LayerStream(ContentStore& content, const ByteSource& source, std::string_view expected)
      : expected_(expected),
        peeked_(source, 6),
        kind_(detect_compression(peeked_.first())),
        as_it_is_(!expected.empty() || kind_ == Compression::gzip || kind_ == Compression::zstd),
        ingest_(
            content.ingest(expected.empty() ? "sha256" : expected.substr(0, expected.find(':')))) {
    if (!as_it_is_)
      gzip_ = make_gzip_writer([this](std::string_view bytes) { ingest_->write(bytes); });
  }

  Images::Layer take(const std::string& directory, const Stop& stop) {
    Behind blob(
        [this](std::string_view bytes) { gzip_ ? gzip_->write(bytes) : ingest_->write(bytes); });
    UnpackedLayer unpacked;
    try {
      unpacked = unpack(blob, directory, stop);
    } catch (const Error& e) {
      if (expected_.empty() || e.kind() != Kind::invalid_argument) throw;
      // Bytes that are not the announced ones are the reason, not what they look like.
      finish(blob, stop);
      ingest_->commit(expected_);
      throw;
    }
    finish(blob, stop);
    if (gzip_) gzip_->finish();
    Images::Layer out;
    out.diff_id = unpacked.diff_id;
    out.size = unpacked.size;
    out.descriptor.media_type = layer_media_type(gzip_ ? Compression::gzip : kind_);
    out.descriptor.size = ingest_->size();
    out.descriptor.digest = ingest_->commit(expected_);
    return out;
  }

 private:
  UnpackedLayer unpack(Behind& blob, const std::string& directory, const Stop& stop) {
    const ByteSource plain = as_it_is_ ? make_decompressor(teed(raw(), blob), kind_)
                                       : teed(make_decompressor(raw(), kind_), blob);
    if (kind_ == Compression::none) return unpack_layer(plain, directory, stop);
    Ahead ahead(plain);
    return unpack_layer([&](std::span<char> into) { return ahead.read(into); }, directory, stop);
  }

  ByteSource raw() {
    return [this](std::span<char> into) { return peeked_.read(into); };
  }
  static ByteSource teed(const ByteSource& from, Behind& blob) {
    return [&blob, from](std::span<char> into) {
      const size_t n = from(into);
      blob.write(std::string_view(into.data(), n));
      return n;
    };
  }
  // What follows the compressed stream is part of the blob all the same.
  void finish(Behind& blob, const Stop& stop) {
    std::vector<char> rest(64 * 1024);
    while (const size_t n = as_it_is_ ? peeked_.read(rest) : 0) {
      stop.throw_if_requested();
      blob.write(std::string_view(rest.data(), n));
    }
    blob.finish();
  }

  const std::string_view expected_;
  Peeked peeked_;
  const Compression kind_;
  const bool as_it_is_;
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<Compressor> gzip_;
};

}  // namespace

Images::Layer stream_layer(ContentStore& content, const ByteSource& source,
                           std::string_view expected, const std::string& directory,
                           const Stop& stop) {
  return LayerStream(content, source, expected).take(directory, stop);
}

}  // namespace slipway::image

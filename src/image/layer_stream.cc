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

}  // namespace

Images::Layer stream_layer(ContentStore& content, const ByteSource& source,
                           std::string_view expected, const std::string& directory,
                           const Stop& stop) {
  Peeked peeked(source, 6);
  const ByteSource raw = [&](std::span<char> into) { return peeked.read(into); };
  auto kind = detect_compression(peeked.first());
  const bool as_it_is = !expected.empty() || kind == Compression::gzip || kind == Compression::zstd;
  auto ingest =
      content.ingest(expected.empty() ? "sha256" : expected.substr(0, expected.find(':')));
  std::unique_ptr<Compressor> gzip;
  if (!as_it_is) gzip = make_gzip_writer([&](std::string_view bytes) { ingest->write(bytes); });
  Behind blob([&](std::string_view bytes) { gzip ? gzip->write(bytes) : ingest->write(bytes); });
  const auto teed = [&blob](const ByteSource& from) -> ByteSource {
    return [&blob, from](std::span<char> into) {
      const size_t n = from(into);
      blob.write(std::string_view(into.data(), n));
      return n;
    };
  };
  const ByteSource plain =
      as_it_is ? make_decompressor(teed(raw), kind) : teed(make_decompressor(raw, kind));
  // What follows the compressed stream is part of the blob all the same.
  const auto read_to_the_end = [&] {
    std::vector<char> rest(64 * 1024);
    while (const size_t n = as_it_is ? raw(rest) : 0) {
      stop.throw_if_requested();
      blob.write(std::string_view(rest.data(), n));
    }
    blob.finish();
  };
  UnpackedLayer unpacked;
  try {
    unpacked = unpack_layer(plain, directory, stop);
  } catch (const Error& e) {
    if (expected.empty() || e.kind() != Kind::invalid_argument) throw;
    // Bytes that are not the announced ones are the reason, not what they look like.
    read_to_the_end();
    ingest->commit(expected);
    throw;
  }
  read_to_the_end();
  if (gzip) {
    gzip->finish();
    kind = Compression::gzip;
  }
  Images::Layer out;
  out.diff_id = unpacked.diff_id;
  out.size = unpacked.size;
  out.descriptor.media_type = layer_media_type(kind);
  out.descriptor.size = ingest->size();
  out.descriptor.digest = ingest->commit(expected);
  return out;
}

}  // namespace slipway::image

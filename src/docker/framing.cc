#include "docker/framing.h"

#include "base/error.h"
#include "base/strings.h"

namespace slipway::docker {

std::string parse_detach_keys(std::string_view text) {
  std::string out;
  for (const auto& key : split(text.empty() ? "ctrl-p,ctrl-q" : text, ',')) {
    char letter = 0;
    if (key.size() == 1) {
      out += key;
      continue;
    }
    if (key.starts_with("ctrl-") && key.size() == 6) letter = key[5];
    const bool control =
        (letter >= 'a' && letter <= 'z') ||
        (letter != 0 && std::string_view("@[\\]^_").find(letter) != std::string_view::npos);
    if (!control) throw invalid_argument("Invalid detach keys ({}) provided", text);
    out += static_cast<char>(letter & 0x1f);
  }
  return out;
}

std::string frame(int stream, std::string_view payload) {
  const auto size = static_cast<uint32_t>(payload.size());
  std::string out(8, '\0');
  out[0] = static_cast<char>(stream);
  for (size_t i = 0; i < 4; ++i) out[4 + i] = static_cast<char>(size >> (24 - 8 * i) & 255);
  return out.append(payload);
}

void LateStream::open(const Call& call) {
  const bool upgrade = call.exchange.request().headers.has("Upgrade");
  auto headers =
      call.headers(tty_ || call.minor < 42 ? "application/vnd.docker.raw-stream"
                                           : "application/vnd.docker.multiplexed-stream");
  if (upgrade) {
    headers.add("Connection", "Upgrade");
    headers.add("Upgrade", "tcp");
  }
  auto stream = call.exchange.hijack(upgrade ? 101 : 200, headers);
  {
    std::lock_guard lock(mutex_);
    if (!early_.empty()) stream->write(early_);
    stream_ = std::move(stream);
  }
  opened_.notify_all();
}

bool LateStream::is_open() const {
  std::lock_guard lock(mutex_);
  return stream_ != nullptr;
}

void LateStream::send(int stream, std::string_view bytes) {
  if (gone_) return;
  try {
    write(tty_ ? std::string(bytes) : frame(stream, bytes));
  } catch (const Error&) {
    gone_ = true;
  }
}

void LateStream::end(const Stop& stop) {
  if (!is_open()) return;
  try {
    stream_->shutdown_write();
    std::vector<char> block(16 * 1024);
    while (!gone_ && stream_->read(block, stop) > 0) {
    }
  } catch (const Error&) {
    // gone, or the daemon ends: either way nothing is left to be said
  }
  stream_->close();
}

size_t LateStream::read(std::span<char> into, const Stop& stop) {
  {
    std::unique_lock lock(mutex_);
    while (stream_ == nullptr) {
      stop.throw_if_requested();
      opened_.wait_for(lock, milliseconds(100));
    }
  }
  return stream_->read(into, stop);
}

void LateStream::write(std::string_view bytes) {
  {
    std::lock_guard lock(mutex_);
    if (stream_ == nullptr) {
      early_ += bytes;
      return;
    }
  }
  stream_->write(bytes);
}

void LateStream::shutdown_write() {
  if (is_open()) stream_->shutdown_write();
}
void LateStream::close() {
  if (is_open()) stream_->close();
}

}  // namespace slipway::docker

// Raw streams after an upgrade, and the text form of heads.
#include "base/error.h"
#include "net/connection.h"

namespace slipway::net {
namespace {

class HijackedStream : public Stream {
 public:
  HijackedStream(std::shared_ptr<Transport> transport, InputBuffer read_ahead, const Stop& owner)
      : transport_(std::move(transport)), read_ahead_(std::move(read_ahead)), owner_(owner) {}
  ~HijackedStream() override { transport_->close(); }

  size_t read(std::span<char> into, const Stop& stop) override {
    if (read_ahead_.size() > 0) {
      const size_t n = std::min(into.size(), read_ahead_.size());
      std::memcpy(into.data(), read_ahead_.view().data(), n);
      read_ahead_.consume(n);
      return n;
    }
    return transport_->read(into, {.stop = stop, .other = &owner_});
  }

  void write(std::string_view bytes) override { transport_->write(bytes, {.stop = owner_}); }
  void shutdown_write() override { transport_->shutdown_write(); }
  void close() override { transport_->close(); }

 private:
  std::shared_ptr<Transport> transport_;
  InputBuffer read_ahead_;
  Stop owner_;
};

void append_safely(std::string& out, std::string_view text) {
  for (const char c : text) out += static_cast<unsigned char>(c) < 0x20 && c != '\t' ? ' ' : c;
}

}  // namespace

std::unique_ptr<Stream> make_stream(std::shared_ptr<Transport> transport, InputBuffer read_ahead,
                                    const Stop& owner) {
  return std::make_unique<HijackedStream>(std::move(transport), std::move(read_ahead), owner);
}

std::string format_head(std::string_view first_line, const Headers& headers) {
  std::string out;
  append_safely(out, first_line);
  out += "\r\n";
  for (const auto& [name, value] : headers.list()) {
    append_safely(out, name);
    out += ": ";
    append_safely(out, value);
    out += "\r\n";
  }
  return out + "\r\n";
}

}  // namespace slipway::net

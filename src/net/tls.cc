// TLS as a client, over a non-blocking socket (OpenSSL).
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/sync.h"
#include "net/socket.h"

namespace slipway::net {
namespace {

using Context = std::shared_ptr<SSL_CTX>;

std::string openssl_error() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "connection closed";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown TLS error";
}

// Loading the system's certificates takes milliseconds: one context per CA file.
Context context_for(const std::string& ca_file) {
  static Sync<std::map<std::string, Context>> known;
  auto lock = known.lock();
  auto& slot = (*lock)[ca_file];
  if (slot) return slot;
  Context made(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!made) throw internal("cannot make a TLS context");
  SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(made.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const int loaded = ca_file.empty()
                         ? SSL_CTX_set_default_verify_paths(made.get())
                         : SSL_CTX_load_verify_locations(made.get(), ca_file.c_str(), nullptr);
  if (loaded != 1) {
    throw invalid_argument("cannot load certificates from {}: {}",
                           ca_file.empty() ? "the system" : ca_file, openssl_error());
  }
  slot = made;
  return made;
}

// An SSL object is used by one thread at a time; waiting happens outside of the lock.
class TlsTransport : public Transport {
 public:
  TlsTransport(Fd fd, const TlsOptions& options)
      : fd_(std::move(fd)),
        context_(context_for(options.ca_file)),
        ssl_(SSL_new(context_.get()), SSL_free) {
    if (!ssl_ || SSL_set_fd(ssl_.get(), fd_.get()) != 1) throw internal("cannot set TLS up");
    SSL_set_tlsext_host_name(ssl_.get(), options.host.c_str());
    if (!options.verify) return;
    SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, nullptr);
    auto* parameters = SSL_get0_param(ssl_.get());
    if (X509_VERIFY_PARAM_set1_ip_asc(parameters, options.host.c_str()) != 1) {
      SSL_set1_host(ssl_.get(), options.host.c_str());
    }
  }

  void handshake(const TlsOptions& options, const Waiting& waiting) {
    const auto outcome = run(waiting, [&] { return SSL_connect(ssl_.get()); });
    if (outcome > 0) return;
    const auto verdict = SSL_get_verify_result(ssl_.get());
    if (options.verify && verdict != X509_V_OK) {
      throw unavailable("TLS with {}: certificate: {}", options.host,
                        X509_verify_cert_error_string(verdict));
    }
    throw unavailable("TLS with {}: {}", options.host, openssl_error());
  }

  size_t read(std::span<char> into, const Waiting& waiting) override {
    waiting.stop.throw_if_requested();
    const int size = static_cast<int>(std::min<size_t>(into.size(), 1u << 30));
    const int n = run(waiting, [&] { return SSL_read(ssl_.get(), into.data(), size); });
    if (n > 0) return static_cast<size_t>(n);
    std::lock_guard lock(mutex_);
    if (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) return 0;
    throw unavailable("connection broke: {}", openssl_error());
  }

  void write(std::string_view bytes, const Waiting& waiting) override {
    while (!bytes.empty()) {
      const int size = static_cast<int>(std::min<size_t>(bytes.size(), 1u << 30));
      const int n = run(waiting, [&] { return SSL_write(ssl_.get(), bytes.data(), size); });
      if (n <= 0) throw unavailable("the peer has gone: {}", openssl_error());
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }

  void send_file(int file, uint64_t offset, uint64_t length, const Waiting& waiting) override {
    std::vector<char> block(64 * 1024);
    while (length > 0) {
      const auto n = check(::pread(file, block.data(), std::min<uint64_t>(length, block.size()),
                                   static_cast<off_t>(offset)),
                           "read");
      if (n == 0) throw internal("file is shorter than announced");
      write({block.data(), static_cast<size_t>(n)}, waiting);
      offset += static_cast<uint64_t>(n);
      length -= static_cast<uint64_t>(n);
    }
  }

  void shutdown_write() override {
    const NoSigpipe guard;
    std::lock_guard lock(mutex_);
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  void close() override { ::shutdown(fd_.get(), SHUT_RDWR); }
  int fd() const override { return fd_.get(); }

 private:
  // Repeats an SSL call until it no longer wants to wait; its result (<= 0: failed).
  template <typename Call>
  int run(const Waiting& waiting, Call call) {
    for (;;) {
      short events = 0;
      {
        const NoSigpipe guard;
        std::lock_guard lock(mutex_);
        ERR_clear_error();
        const int rc = call();
        if (rc > 0) return rc;
        const int why = SSL_get_error(ssl_.get(), rc);
        if (why == SSL_ERROR_WANT_READ) events = POLLIN;
        if (why == SSL_ERROR_WANT_WRITE) events = POLLOUT;
        if (events == 0) return -1;
      }
      wait_for_io(fd_.get(), events, waiting);
    }
  }

  Fd fd_;
  Context context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
  std::mutex mutex_;
};

}  // namespace

std::unique_ptr<Transport> tls_transport(Fd fd, const TlsOptions& options, const Waiting& waiting) {
  auto made = std::make_unique<TlsTransport>(std::move(fd), options);
  made->handshake(options, waiting);
  return made;
}

}  // namespace slipway::net

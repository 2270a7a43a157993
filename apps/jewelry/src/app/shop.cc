// The server around the routes: access log, security headers, drain.
#include "app/shop.h"

#include "app/assets.h"
#include "base/error.h"
#include "base/strings.h"

namespace jewelry {

namespace {

Answer asset(std::string_view text, const char* type) {
  Answer answer{.type = type, .body = std::string(text)};
  answer.headers.set("Cache-Control", "no-cache");
  return answer;
}

std::string escape_html(std::string text) {
  text = slipway::replace_all(std::move(text), "&", "&amp;");
  text = slipway::replace_all(std::move(text), "<", "&lt;");
  return slipway::replace_all(std::move(text), "\"", "&quot;");
}

}  // namespace

Shop::Shop(std::unique_ptr<Database> database, Identity identity)
    : database_(std::move(database)), identity_(std::move(identity)) {
  prepare(*database_);
  add_pages();
  add_catalog();
  add_carts();
  add_orders();
  add_health();
}

uint16_t Shop::listen(const std::string& address, uint16_t port) {
  server_ = std::make_unique<slipway::net::Server>(
      [this](slipway::net::Exchange& exchange) { handle(exchange); });
  return server_->listen_tcp(address, port);
}

void Shop::handle(slipway::net::Exchange& exchange) {
  ++under_way_;
  const slipway::Finally leave([this] {
    ++answered_;
    --under_way_;
  });
  const auto start = std::chrono::steady_clock::now();
  Answer answer = router_.run(exchange);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  // Checks come every few seconds from everywhere; only failing ones are news.
  if (exchange.request().path != "/healthz" || answer.status != 200)
    log_access(exchange.request(), answer, took.count());
  answer.headers.set("Content-Type", answer.type);
  answer.headers.set("X-Content-Type-Options", "nosniff");
  answer.headers.set("X-Frame-Options", "DENY");
  answer.headers.set("Content-Security-Policy",
                     "default-src 'self'; img-src 'self' data:; base-uri 'none'");
  answer.headers.set("X-Shop-Version", identity_.version);
  if (draining_) answer.headers.set("Connection", "close");
  exchange.respond(answer.status, answer.headers, answer.body);
}

bool Shop::drain(slipway::SteadyTime deadline) {
  draining_ = true;
  // A moment without requests: a balancer may still send what it had chosen us for.
  constexpr auto kQuiet = std::chrono::milliseconds(500);
  const slipway::Stop pause;
  auto quiet_since = std::chrono::steady_clock::now();
  uint64_t answered = answered_;
  while (std::chrono::steady_clock::now() < deadline) {
    pause.wait_for(std::chrono::milliseconds(20));
    const auto now = std::chrono::steady_clock::now();
    if (under_way_ > 0 || answered != answered_) {
      answered = answered_;
      quiet_since = now;
    } else if (now - quiet_since >= kQuiet) {
      break;
    }
  }
  const bool clean = under_way_ == 0;
  server_->stop();
  return clean;
}

void Shop::add_pages() {
  router_.add("GET", "/", [this](const Call&) {
    std::string page(assets::index_html());
    page = slipway::replace_all(std::move(page), "{{VERSION}}", escape_html(identity_.version));
    return asset(slipway::replace_all(std::move(page), "{{TASK}}", escape_html(identity_.host)),
                 "text/html; charset=utf-8");
  });
  router_.add("GET", "/style.css",
              [](const Call&) { return asset(assets::style_css(), "text/css; charset=utf-8"); });
  router_.add("GET", "/app.js", [](const Call&) {
    return asset(assets::app_js(), "text/javascript; charset=utf-8");
  });
}

void Shop::add_health() {
  router_.add("GET", "/healthz", [this](const Call&) {
    database_->read([&](Session& db) {
      if (db.run("SELECT 1 FROM product LIMIT 1").empty())
        throw slipway::unavailable("the catalogue is empty");
    });
    return json({{"status", "ok"}});
  });
  router_.add("GET", "/api/v1/version", [this](const Call&) {
    return json({{"version", identity_.version},
                 {"task", identity_.host},
                 {"database", database_->kind()}});
  });
}

}  // namespace jewelry

// For tests of whoever needs a registry: everything in a folder of its own, and the HTTP side on
// loopback.
#pragma once
#include "image/testing.h"
#include "net/http.h"
#include "registry/client.h"
#include "registry/server.h"

namespace slipway::registry {

struct TestRegistry {
  image::TestImages t;
  TestClock clock;
  Scope scope{"123456789012", "us-east-1"};
  Tokens tokens{*t.store, clock};
  Uploads uploads{t.root + "/uploads", *t.content, clock};
  Server server{{*t.store, *t.content, uploads, tokens, clock, scope}};
  net::Server http{[this](net::Exchange& exchange) { server.handle(exchange); }};
  uint16_t port = http.listen_tcp("127.0.0.1", 0);

  ~TestRegistry() { http.stop(); }

  std::string password() const {
    return tokens.mint({scope.account, "arn:aws:iam::x:root"}).password;
  }
  Credentials credentials() const { return {"AWS", password()}; }
  Repository repository(const std::string& name) {
    Repository out;
    out.scope = scope;
    out.name = name;
    t.store->write([&](store::Writer& db) { create_repository(db, out); });
    return out;
  }
  std::unique_ptr<Client> client(bool trusted = false) {
    return make_client({*t.store, *t.content, *t.images, tokens, clock}, {trusted});
  }
  std::string host() const { return "127.0.0.1:" + std::to_string(port); }
};

}  // namespace slipway::registry

// For tests of services: calls a dispatcher without a network, signed as a client would. Not part
// of the program.
#pragma once
#include <string>

#include "aws/credentials.h"
#include "aws/dispatcher.h"
#include "aws/sigv4.h"
#include "base/error.h"

namespace slipway::aws::testing {

// One request, answered into memory.
class FakeExchange : public net::Exchange {
 public:
  explicit FakeExchange(net::Request request, std::string body = {})
      : request_(std::move(request)), body_(std::move(body)) {}

  int status = 0;
  net::Headers headers;
  std::string reply;

  const net::Request& request() const override { return request_; }
  size_t read(std::span<char> into) override {
    const size_t count = std::min(into.size(), body_.size() - at_);
    std::copy_n(body_.data() + at_, count, into.data());
    at_ += count;
    return count;
  }
  void respond(int code, const net::Headers& head, std::string_view body) override {
    begin(code, head, {});
    reply = body;
  }
  void begin(int code, const net::Headers& head, std::optional<uint64_t>) override {
    status = code;
    headers = head;
    begun_ = true;
  }
  void write(std::string_view bytes) override { reply += bytes; }
  void send_file(int, uint64_t, uint64_t) override { throw internal("no files here"); }
  void finish() override {}
  bool begun() const override { return begun_; }
  std::unique_ptr<net::Stream> hijack(int, const net::Headers&) override {
    throw internal("no hijacking here");
  }
  const Stop& stop() const override { return stop_; }

 private:
  net::Request request_;
  std::string body_;
  size_t at_ = 0;
  bool begun_ = false;
  Stop stop_;
};

// A store in memory, a still clock, a dispatcher and its root key.
class Front {
 public:
  Front() : store(store::open_memory()), dispatcher({.store = *store, .clock = clock}) {
    store->write(
        [&](store::Writer& db) { key = ensure_root_key(db, "123456789012", clock.now()); });
  }

  TestClock clock;
  std::unique_ptr<store::Store> store;
  Dispatcher dispatcher;
  Credential key;  // who signs
  std::string region = "us-east-1";

  // A JSON call: post_json("AmazonEC2ContainerServiceV20141113.ListClusters", "{}").
  FakeExchange json(const std::string& target, const std::string& body) {
    net::Request request = plain("application/x-amz-json-1.1");
    request.headers.add("X-Amz-Target", target);
    const ServiceModel* found = nullptr;
    for (auto* model : all_models())
      if (!model->target_prefix.empty() && target.starts_with(model->target_prefix)) found = model;
    return send(std::move(request), body, found ? std::string(found->name) : "unknown");
  }
  // A form: query("sts", "Action=GetCallerIdentity&Version=2011-06-15").
  FakeExchange query(const std::string& service, const std::string& body) {
    return send(plain("application/x-www-form-urlencoded; charset=utf-8"), body, service);
  }
  FakeExchange send(net::Request request, const std::string& body, const std::string& service) {
    sign(request, body, key.access_key_id, key.secret_access_key, key.session_token, region,
         service, clock.now());
    return send_as_is(std::move(request), body);
  }
  FakeExchange send_as_is(net::Request request, const std::string& body) {
    FakeExchange exchange(std::move(request), body);
    dispatcher.handle(exchange);
    return exchange;
  }
  static net::Request plain(const std::string& content_type) {
    net::Request request;
    request.method = "POST";
    request.target = request.path = "/";
    request.headers = {{"Host", "127.0.0.1:4566"}, {"Content-Type", content_type}};
    request.peer = "127.0.0.1:1";
    return request;
  }
};

}  // namespace slipway::aws::testing

// The front door of all AWS services. For every call, in this order: find the service, read the
// signature's claim, check time and key, read the body, prove the signature, find the operation,
// decode, validate, handler in its transaction, encode, audit line. Knows no service by name but
// for its limits; knows nothing of who listens.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "aws/operation.h"
#include "base/clock.h"
#include "net/http.h"

namespace slipway::aws {

struct DispatcherOptions {
  store::Store& store;
  const Clock& clock;
  std::string account = "123456789012";
  std::string default_region = "us-east-1";
  std::string audit_path{};  // one JSON line per call; empty: none
};

struct Coverage {
  std::string service;
  std::vector<std::string> implemented;
  std::vector<std::string> missing;  // known to the model, without a row
};

class Dispatcher {
 public:
  explicit Dispatcher(DispatcherOptions options);
  ~Dispatcher();
  // Before the first handle(). A row that the service's model does not know is a bug.
  void add(Service service);
  // Answers always. Thread-safe.
  void handle(net::Exchange& exchange) const;
  // True when the request looks like an AWS call (signature, target or Action): for the port that
  // also serves the registry and the console.
  static bool recognises(const net::Request& request);
  std::vector<Coverage> coverage() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::aws

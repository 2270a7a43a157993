// An AWS operation: its shapes are generated from models/aws (see aws/gen/<service>.h), its
// behaviour is one function, its row stands in the service's table:
//
//   // ecs/cluster.h
//   aws::ecs::CreateClusterResponse create_cluster(Ecs& self, aws::Context& c,
//                                                  const aws::ecs::CreateClusterRequest& in);
//   // ecs/api.cc
//   aws::Service ecs::service(Ecs& self) {
//     return {"ecs", {
//       aws::op<aws::ecs::op::CreateCluster>(self, create_cluster),
//       aws::op<aws::ecs::op::DescribeClusters>(self, describe_clusters),
//     }};
//   }
//
// The dispatcher (aws/dispatcher.h) does the same steps for every row: find row, SigV4, decode and
// validate against the model, handler (inside a store transaction), encode, audit line. A modelled
// operation without a row answers the service's own "not implemented" error.
//
// Generated structures carry the model's member names, every member is a std::optional (absent is
// not empty). Members that the model requires are marked "// required" and were checked before the
// handler runs: use *in.clusterName. A member named like a C++ word ends in '_' (namespace_).
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "store/store.h"

namespace slipway::aws {

// Who calls, and what every handler may need. Lives for one call.
struct Context {
  store::Store& store;
  // The call's transaction; null for Transaction::none. In a read transaction it reads a snapshot
  // and refuses to write (Error(internal)): a handler that writes belongs into a write transaction.
  store::Writer* db = nullptr;
  std::string account{};        // "123456789012"
  std::string region{};         // from the credential scope
  std::string principal_arn{};  // "arn:aws:iam::123456789012:root", or an assumed role's
  std::string user_id{};        // for GetCallerIdentity
  std::string access_key_id{};
  std::string request_id{};
  TimePoint now{};
  std::string host{};          // the Host header, "127.0.0.1:4566"
  const Stop* stop = nullptr;  // for handlers that wait: ends when the caller hangs up

  // arn("ecs", "cluster/default") -> "arn:aws:ecs:<region>:<account>:cluster/default"
  std::string arn(std::string_view service, std::string_view resource) const;
};

// What a handler throws to answer an error of the service. Generated per error shape:
//   throw aws::ecs::ClusterNotFoundException("Cluster not found.");
// code and http_status come from the model. members: extra JSON members (rare), as JSON text.
class ServiceError : public std::runtime_error {
 public:
  ServiceError(std::string code, int http_status, const std::string& message,
               std::string members = {})
      : std::runtime_error(message),
        code_(std::move(code)),
        members_(std::move(members)),
        status_(http_status) {}
  const std::string& code() const { return code_; }
  int http_status() const { return status_; }
  const std::string& members() const { return members_; }

 private:
  std::string code_;
  std::string members_;
  int status_;
};

// none: the handler blocks, streams or reaches other stores; it uses Context::store itself.
enum class Transaction {
  automatic /* Describe*, List*, Get*, BatchGet*...: read, else write */,
  read,
  write,
  none
};

struct OperationOptions {
  Transaction transaction = Transaction::automatic;
};

struct Structure;  // aws/shape.h

struct Operation {
  std::string_view name;
  Transaction transaction;
  const Structure* input;
  const Structure* output;
  // in and out point to an input and an output structure; out is empty.
  std::function<void(Context&, const void* in, void* out)> call;
};

struct Service {
  std::string_view
      name;  // the model's: "ecs", "ecr", "elasticloadbalancing", "logs", "ec2", "iam", "sts"
  std::vector<Operation> operations;
};

// op<Tag>(self, function) makes a row: aws/op.h.

}  // namespace slipway::aws

#include "aws/dispatcher.h"

#include "aws/audit.h"
#include "aws/call.h"
#include "aws/codec.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"

namespace slipway::aws {
namespace {

// What a handler sees in a read transaction: the snapshot, and no way to change it.
class ReadOnly : public store::Writer {
 public:
  explicit ReadOnly(const store::Reader& reader) : reader_(reader) {}
  std::optional<store::Row> get(std::string_view table, std::string_view key) const override {
    return reader_.get(table, key);
  }
  std::vector<store::Row> scan(std::string_view table, std::string_view prefix,
                               std::string_view after, size_t limit) const override {
    return reader_.scan(table, prefix, after, limit);
  }
  void put(std::string_view, std::string_view, std::string) override { refuse(); }
  void put_if(std::string_view, std::string_view, std::string, uint64_t) override { refuse(); }
  bool erase(std::string_view, std::string_view) override { refuse(); }

 private:
  [[noreturn]] static void refuse() { throw internal("a read operation tried to write"); }
  const store::Reader& reader_;
};

struct Entry {
  const ServiceModel* model;
  std::map<std::string, Operation, std::less<>> operations;
};

bool names(std::span<const std::string_view> sorted, std::string_view name) {
  return std::ranges::binary_search(sorted, name);
}

}  // namespace

struct Dispatcher::Impl {
  explicit Impl(DispatcherOptions o) : options(std::move(o)), audit(options.audit_path) {}

  DispatcherOptions options;
  std::map<std::string, Entry, std::less<>> services;
  mutable AuditLog audit;

  Reply answer(Call& call, net::Exchange& exchange) const;
  const Operation& find(const Call& call, const OperationModel*& model) const;
  std::shared_ptr<void> run(const Operation& row, Context& context, const void* in) const;
  void record(const Call& call, const net::Exchange& exchange, int status, const std::string& error,
              SteadyTime start) const;
};

Dispatcher::Dispatcher(DispatcherOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
Dispatcher::~Dispatcher() = default;

void Dispatcher::add(Service service) {
  const ServiceModel* model = find_model(service.name);
  if (!model) throw internal("no model of the AWS service {}", service.name);
  Entry& entry = impl_->services[std::string(service.name)];
  entry.model = model;
  for (auto& row : service.operations) {
    if (!find_operation(*model, row.name))
      throw internal("{} has no operation {}", service.name, row.name);
    if (!entry.operations.emplace(std::string(row.name), row).second)
      throw internal("{}.{} has two rows", service.name, row.name);
  }
}

const Operation& Dispatcher::Impl::find(const Call& call, const OperationModel*& model) const {
  const Protocol protocol = call.model->protocol;
  auto entry = services.find(call.model->name);
  model = find_operation(*call.model, call.operation);
  if (entry != services.end()) {
    auto row = entry->second.operations.find(call.operation);
    if (row != entry->second.operations.end()) return row->second;
  }
  if (model || names(call.model->other_operations, call.operation))
    throw common_error(
        protocol, Common::not_implemented,
        fmt::format("Slipway does not implement {}.{} yet.", call.model->name, call.operation));
  throw common_error(
      protocol, Common::unknown_operation,
      protocol == Protocol::json
          ? fmt::format("Unknown operation {}.", call.operation)
          : fmt::format("The action {} is not valid for this web service.", call.operation));
}

std::shared_ptr<void> Dispatcher::Impl::run(const Operation& row, Context& context,
                                            const void* in) const {
  std::shared_ptr<void> out;
  auto call = [&](store::Writer* db) {
    context.db = db;
    out = row.output->make();  // anew: a write may run more than once
    row.call(context, in, out.get());
  };
  switch (row.transaction) {
    case Transaction::none:
      call(nullptr);
      break;
    case Transaction::read:
      options.store.read([&](const store::Reader& db) {
        ReadOnly view(db);
        call(&view);
      });
      break;
    default:
      options.store.write([&](store::Writer& db) { call(&db); });
  }
  context.db = nullptr;
  return out;
}

Reply Dispatcher::Impl::answer(Call& call, net::Exchange& exchange) const {
  const net::Request& request = exchange.request();
  route_by_headers(call, request);
  const TimePoint now = options.clock.now();
  authenticate(call, request, options.store, now);
  const std::string body = read_body(call, exchange);
  prove(call, request, body);
  route_by_form(call, request, body);

  const OperationModel* model = nullptr;
  const Operation& row = find(call, model);
  std::shared_ptr<void> in = row.input->make();
  if (call.model->protocol == Protocol::json)
    read_json(body, *row.input, in.get());
  else
    read_query(*call.model, call.form, *row.input, in.get());
  validate(*call.model, *row.input, in.get());

  Context context{options.store};
  context.account = options.account;
  context.region = call.claim.region.empty() ? options.default_region : call.claim.region;
  context.principal_arn = call.credential.principal_arn;
  context.user_id = call.credential.user_id;
  context.access_key_id = call.credential.access_key_id;
  context.request_id = call.request_id;
  context.now = now;
  context.host = request.headers.get("host");
  context.stop = &exchange.stop();
  auto out = run(row, context, in.get());
  return encode_reply(*call.model, *model, out.get(), call.request_id);
}

void Dispatcher::Impl::record(const Call& call, const net::Exchange& exchange, int status,
                              const std::string& error, SteadyTime start) const {
  const auto spent = std::chrono::steady_clock::now() - start;
  audit.append({.time = options.clock.now(),
                .service = call.service_name(),
                .operation = call.operation.substr(0, 64),
                .region = call.claim.region,
                .principal = call.proven ? call.credential.principal_arn : "",
                .peer = exchange.request().peer,
                .error = error,
                .request_id = call.request_id,
                .status = status,
                .ms = std::chrono::duration<double, std::milli>(spent).count()});
}

void Dispatcher::handle(net::Exchange& exchange) const {
  const auto start = std::chrono::steady_clock::now();
  Call call;
  call.request_id = random_uuid();
  Reply reply;
  std::string error_code;
  auto refuse = [&](const ServiceError& error) {
    error_code = error.code();
    reply = encode_error(call.protocol(), call.model ? call.model->xml_namespace : "", error,
                         call.request_id);
  };
  auto fail = [&](const std::exception& error) {
    log::error("aws", "{} {} failed, request id {}: {}", call.service_name(),
               call.operation.substr(0, 64), call.request_id, error.what());
    refuse(common_error(call.protocol(), Common::internal,
                        "The request failed for an internal reason; the daemon's log tells more "
                        "under the request id."));
  };
  try {
    reply = impl_->answer(call, exchange);
  } catch (const ServiceError& error) {
    refuse(error);
  } catch (const AuthError& error) {
    refuse(common_error(call.protocol(), error.meaning(), error.what()));
  } catch (const Error& error) {
    if (error.kind() == Kind::internal)
      fail(error);
    else
      refuse(call.model ? from_error(*call.model, error)
                        : common_error(call.protocol(), Common::unknown_operation, error.what()));
  } catch (const std::exception& error) {
    fail(error);
  }
  impl_->record(call, exchange, reply.status, error_code, start);
  net::Headers headers{{"Content-Type", reply.content_type}, {"x-amzn-RequestId", call.request_id}};
  if (call.protocol() == Protocol::json && !error_code.empty())
    headers.add("x-amzn-ErrorType", error_code);
  exchange.respond(reply.status, headers, reply.body);
}

bool Dispatcher::recognises(const net::Request& request) {
  return request.headers.get("authorization").starts_with("AWS4-") ||
         request.headers.has("x-amz-target") || request.headers.has("x-amz-date") ||
         request.query.find("X-Amz-Algorithm=") != std::string::npos ||
         request.query.find("Action=") != std::string::npos ||
         (request.method == "POST" && request.path == "/" &&
          request.headers.get("content-type").starts_with("application/x-www-form-urlencoded"));
}

std::vector<Coverage> Dispatcher::coverage() const {
  std::vector<Coverage> out;
  for (auto* model : all_models()) {
    Coverage c{.service = std::string(model->name), .implemented = {}, .missing = {}};
    auto entry = impl_->services.find(model->name);
    for (auto& operation : model->operations) {
      const bool has =
          entry != impl_->services.end() && entry->second.operations.contains(operation.name);
      (has ? c.implemented : c.missing).emplace_back(operation.name);
    }
    for (auto& name : model->other_operations) c.missing.emplace_back(name);
    out.push_back(std::move(c));
  }
  return out;
}

}  // namespace slipway::aws

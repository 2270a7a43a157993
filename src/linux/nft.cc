// libnftables, one context under one lock.
#include "linux/nft.h"

#include <mutex>
#include <nftables/libnftables.h>

#include "base/error.h"
#include "base/strings.h"

namespace slipway::linux {
namespace {

struct ContextDeleter {
  void operator()(nft_ctx* context) const { nft_ctx_free(context); }
};

std::string text_or_empty(const char* text) {
  return text != nullptr ? text : "";
}

// These names come from our own code, but a name with a blank would be another command.
void check_name(const std::string& name) {
  if (name.empty() || !only_alnum_and(name, "_-"))
    throw invalid_argument("not a name of an nftables object: {}", name);
}

}  // namespace

struct Nft::Impl {
  std::mutex mutex;
  std::unique_ptr<nft_ctx, ContextDeleter> context{nft_ctx_new(NFT_CTX_DEFAULT)};
};

Nft::Nft() : impl_(std::make_unique<Impl>()) {
  if (!impl_->context) throw internal("nftables: no context");
  nft_ctx_buffer_output(impl_->context.get());
  nft_ctx_buffer_error(impl_->context.get());
}

Nft::~Nft() = default;

std::string Nft::run(const std::string& commands, bool json) {
  std::lock_guard lock(impl_->mutex);
  auto* context = impl_->context.get();
  nft_ctx_output_set_flags(context, json ? NFT_CTX_OUTPUT_JSON : 0);
  const int rc = nft_run_cmd_from_buffer(context, commands.c_str());
  std::string output = text_or_empty(nft_ctx_get_output_buffer(context));
  const std::string error = text_or_empty(nft_ctx_get_error_buffer(context));
  if (rc == 0) return output;
  const bool absent = error.find("No such file or directory") != std::string::npos;
  const auto message = fmt::format("nftables: {}", trim(error));
  throw Error(absent ? Kind::not_found : Kind::internal, message);
}

void Nft::make_table(const std::string& family, const std::string& name, const std::string& body) {
  check_name(family);
  check_name(name);
  const std::string table = fmt::format("{} {}", family, name);
  try {
    run(fmt::format("create table {0}\ntable {0} {{\n{1}\n}}\n", table, body));
  } catch (const Error&) {  // it is there; or the body is wrong, which the next one says
    run(fmt::format("add table {0}\ndelete table {0}\ntable {0} {{\n{1}\n}}\n", table, body));
  }
}

bool Nft::table_exists(const std::string& family, const std::string& name) {
  check_name(family);
  check_name(name);
  try {
    run("list table " + family + " " + name);
    return true;
  } catch (const Error& e) {
    if (e.kind() == Kind::not_found) return false;
    throw;
  }
}

void Nft::delete_table(const std::string& family, const std::string& name) {
  check_name(family);
  check_name(name);
  // Added first, so that deleting never fails for absence; one transaction.
  run(fmt::format("add table {0} {1}\ndelete table {0} {1}\n", family, name));
}

}  // namespace slipway::linux

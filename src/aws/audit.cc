#include "aws/audit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "aws/codec.h"
#include "base/error.h"
#include "base/log.h"

namespace slipway::aws {
namespace {

constexpr uint64_t kMaxSize = 64u << 20;

std::string line_of(const AuditEntry& e) {
  return fmt::format(
      "{{\"time\":\"{}\",\"service\":{},\"operation\":{},\"region\":{},\"principal\":{},"
      "\"peer\":{},\"status\":{},\"error\":{},\"ms\":{:.3f},\"requestId\":\"{}\"}}\n",
      to_rfc3339(e.time, 3), json_string(e.service), json_string(e.operation),
      json_string(e.region), json_string(e.principal), json_string(e.peer), e.status,
      json_string(e.error), e.ms, e.request_id);
}

}  // namespace

AuditLog::AuditLog(std::string path) : path_(std::move(path)) {}

// The file to write to, opened or rotated when it is time. The write itself happens outside the
// lock: one write() to an O_APPEND file is one whole line.
std::shared_ptr<Fd> AuditLog::open_for(size_t bytes) {
  auto state = state_.lock();
  if (state->file && state->size + bytes > kMaxSize) {
    check(::rename(path_.c_str(), (path_ + ".1").c_str()), "rename {}", path_);
    state->file.reset();
  }
  if (!state->file) {
    state->file = std::make_shared<Fd>(open_file(path_, O_WRONLY | O_CREAT | O_APPEND, 0600));
    struct stat info {};
    check(::fstat(state->file->get(), &info), "stat {}", path_);
    state->size = static_cast<uint64_t>(info.st_size);
  }
  state->size += bytes;
  return state->file;
}

void AuditLog::append(const AuditEntry& entry) {
  if (path_.empty()) return;
  try {
    const std::string line = line_of(entry);
    write_all(open_for(line.size())->get(), line);
  } catch (const std::exception& e) {
    auto state = state_.lock();
    if (!std::exchange(state->complained, true))
      log::error("aws", "the audit log cannot be written (said once): {}", e.what());
  }
}

}  // namespace slipway::aws

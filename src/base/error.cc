#include "base/error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace slipway {

const char* to_string(Kind kind) {
  switch (kind) {
    case Kind::not_found:
      return "not found";
    case Kind::conflict:
      return "conflict";
    case Kind::invalid_argument:
      return "invalid argument";
    case Kind::not_modified:
      return "not modified";
    case Kind::unauthorized:
      return "unauthorized";
    case Kind::forbidden:
      return "forbidden";
    case Kind::too_large:
      return "too large";
    case Kind::timeout:
      return "timeout";
    case Kind::cancelled:
      return "cancelled";
    case Kind::unavailable:
      return "unavailable";
    case Kind::unimplemented:
      return "not implemented";
    case Kind::internal:
      return "internal";
  }
  return "unknown";
}

Kind kind_of_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ESRCH:
    case ENXIO:
      return Kind::not_found;
    case EEXIST:
    case EBUSY:
    case EADDRINUSE:
    case ENOTEMPTY:
      return Kind::conflict;
    case EINVAL:
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
      return Kind::invalid_argument;
    case EACCES:
    case EPERM:
      return Kind::forbidden;
    case ETIMEDOUT:
      return Kind::timeout;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
      return Kind::unavailable;
    case ENOSYS:
    case EOPNOTSUPP:
      return Kind::unimplemented;
    default:
      return Kind::internal;
  }
}

SystemError::SystemError(int error_number, const std::string& message)
    : Error(kind_of_errno(error_number), message + ": " + std::strerror(error_number)),
      errno_(error_number) {}

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "slipway: a bug: %s does not hold (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace slipway

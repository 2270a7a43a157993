// Errors by meaning. One hierarchy for the whole program; each edge (Docker API, AWS protocol, CLI)
// maps a Kind to its wire form in one place. Not for bugs: those are SLIPWAY_ASSERT.
#pragma once
#include <fmt/format.h>
#include <stdexcept>
#include <string>

namespace slipway {

enum class Kind {
  not_found,
  conflict,          // the state forbids it (name taken, container running, version moved on)
  invalid_argument,  // the caller's input is wrong
  not_modified,      // already so (Docker's 304)
  unauthorized,
  forbidden,
  too_large,
  timeout,
  cancelled,  // Stop was requested
  unavailable,
  unimplemented,
  internal,
};

// Text of a kind for logs ("not found").
const char* to_string(Kind kind);

class Error : public std::runtime_error {
 public:
  Error(Kind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  Kind kind() const noexcept { return kind_; }

 private:
  Kind kind_;
};

#define SLIPWAY_ERROR_MAKER(name)                                               \
  template <typename... Args>                                                   \
  Error name(fmt::format_string<Args...> format, Args&&... args) {              \
    return Error(Kind::name, fmt::format(format, std::forward<Args>(args)...)); \
  }
// Each returns an Error to throw: throw not_found("no such image: {}", name);
SLIPWAY_ERROR_MAKER(not_found)
SLIPWAY_ERROR_MAKER(conflict)
SLIPWAY_ERROR_MAKER(invalid_argument)
SLIPWAY_ERROR_MAKER(not_modified)
SLIPWAY_ERROR_MAKER(unauthorized)
SLIPWAY_ERROR_MAKER(forbidden)
SLIPWAY_ERROR_MAKER(too_large)
SLIPWAY_ERROR_MAKER(timeout)
SLIPWAY_ERROR_MAKER(cancelled)
SLIPWAY_ERROR_MAKER(unavailable)
SLIPWAY_ERROR_MAKER(unimplemented)
SLIPWAY_ERROR_MAKER(internal)
#undef SLIPWAY_ERROR_MAKER

// A failed system call: keeps errno. what() is "<message>: <strerror>".
class SystemError : public Error {
 public:
  SystemError(int error_number, const std::string& message);
  int error_number() const noexcept { return errno_; }

 private:
  int errno_;
};

// The kind that fits an errno (ENOENT -> not_found, EEXIST -> conflict, ...).
Kind kind_of_errno(int error_number);

// check(::mount(...), "mount {} on {}", a, b): returns rc, or throws SystemError when rc is -1.
template <typename Rc, typename... Args>
Rc check(Rc rc, fmt::format_string<Args...> format, Args&&... args) {
  if (rc == static_cast<Rc>(-1)) {
    const int saved = errno;
    throw SystemError(saved, fmt::format(format, std::forward<Args>(args)...));
  }
  return rc;
}

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
#define SLIPWAY_ASSERT(x) ((x) ? void() : ::slipway::assertion_failed(#x, __FILE__, __LINE__))

}  // namespace slipway

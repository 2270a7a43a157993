// The system calls a container may make, as the OCI "seccomp" member: our default list, or a
// profile that the user gave in Docker's form. Pure.
#pragma once
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::container {

// What ordinary programs need, and what each capability that was given adds. What could reach
// beyond the container is refused with EPERM, what nobody knows yet with ENOSYS, so that programs
// fall back to older calls.
nlohmann::json build_seccomp(const std::vector<std::string>& capabilities);

// Docker's profile format: archMap, and rules with includes and excludes by capability,
// architecture and kernel version. Throws Error(invalid_argument).
nlohmann::json convert_seccomp(std::string_view profile,
                               const std::vector<std::string>& capabilities);

// Filters that the runtime has compiled. Compiling takes it longer than all the rest of a start (a
// few hundred calls for three architectures), and nearly all containers have the same.
class CompiledFilters {
 public:
  // base64 of the program for a "seccomp" member; empty when it is not known.
  std::string find(const std::string& filter) const;
  void keep(const std::string& filter, std::string_view program);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> programs_;
};

}  // namespace slipway::container

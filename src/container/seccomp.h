// The system calls a container may make, as the OCI "seccomp" member: our default list, or a
// profile that the user gave in Docker's form. Pure.
#pragma once
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

}  // namespace slipway::container

// Is this machine fit? One Error that says everything that is missing.
#include <cstdlib>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "daemon/daemon.h"

namespace slipway::daemon {

namespace {

bool on_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::string places = path != nullptr ? path : "";
  places += ":/usr/local/sbin:/usr/sbin:/sbin";
  for (const auto& dir : split(places, ':')) {
    if (!dir.empty() && ::access((dir + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace

void check_machine() {
  if (::geteuid() != 0) {
    throw forbidden("needs root, for namespaces, mounts and networks. Try: sudo slipway ...");
  }
  std::vector<std::string> missing;
  if (!on_path("crun") && !on_path("runc")) missing.emplace_back("crun");
  if (!on_path("conmon")) missing.emplace_back("conmon");
  if (!on_path("haproxy")) missing.emplace_back("haproxy");
  if (missing.empty()) return;
  throw unavailable(
      "{} not found. Install what is missing: apt-get install --no-install-recommends {}",
      join(missing, ", "), join(missing, " "));
}

}  // namespace slipway::daemon

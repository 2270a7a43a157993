#include "container/ipv6.h"

#include <filesystem>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "codec/hash.h"
#include "linux/caps.h"

namespace slipway::container {
namespace {

constexpr const char* ipv6_settings = "/proc/sys/net/ipv6/conf";

// Of one link: "net/ipv6/conf/eth0/accept_ra". A link's name may have dots, not slashes.
std::string ipv6_setting(const std::string& link, const char* name) {
  return fmt::format("net/ipv6/conf/{}/{}", link, name);
}

bool kernel_has_ipv6() {
  return ::access(ipv6_settings, F_OK) == 0;
}

}  // namespace

std::string why_no_ipv6() {
  if (!kernel_has_ipv6())
    return "this machine's kernel has no IPv6 (booted with ipv6.disable=1, or built without)";
  if (linux::read_sysctl(ipv6_setting("all", "disable_ipv6")) != "0")
    return "IPv6 is disabled on this machine (sysctl net.ipv6.conf.all.disable_ipv6=1)";
  return {};
}

void forward_ipv6() {
  if (linux::read_sysctl(ipv6_setting("all", "forwarding")) == "1") return;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(ipv6_settings, error)) {
    const std::string link = entry.path().filename();
    const auto accepts = read_file_if_exists(entry.path().string() + "/accept_ra");
    if (link == "all" || link == "default" || link == "lo" || !accepts || trim(*accepts) != "1")
      continue;
    try {
      linux::write_sysctl(ipv6_setting(link, "accept_ra"), "2");
    } catch (const std::exception& e) {  // it may have gone meanwhile
      log::debug("container", "{}", e.what());
    }
  }
  linux::write_sysctl(ipv6_setting("all", "forwarding"), "1");
  log::info("container", "this machine forwards IPv6 from now on, for its IPv6 networks");
}

void deaf_to_routers(const std::string& link) {
  linux::ensure_sysctl(ipv6_setting(link, "disable_ipv6"), "0");
  linux::ensure_sysctl(ipv6_setting(link, "accept_ra"), "0");
}

void without_ipv6(const std::string& link) {
  if (kernel_has_ipv6()) linux::ensure_sysctl(ipv6_setting(link, "disable_ipv6"), "1");
}

uint64_t ula_global_id() {
  static const uint64_t id = [] {
    char host[256] = {};
    ::gethostname(host, sizeof host - 1);
    const auto machine = read_file_if_exists("/etc/machine-id").value_or(host);
    const std::string hash = sha256_raw("networks of slipway on " + std::string(trim(machine)));
    uint64_t out = 0;
    for (size_t i = 0; i < 5; ++i) out = out << 8 | static_cast<uint8_t>(hash[i]);
    return out;
  }();
  return id;
}

}  // namespace slipway::container

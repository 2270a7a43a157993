#include "container/stats.h"

#include <unistd.h>

#include "base/files.h"
#include "base/strings.h"
#include "container/impl.h"

namespace slipway::container {
namespace {

std::string stats_text(const std::string& path) {
  try {
    return read_file_if_exists(path).value_or("");
  } catch (const Error&) {
    return {};  // the process has just ended
  }
}

std::vector<uint64_t> stats_numbers(std::string_view text) {
  std::vector<uint64_t> out;
  for (const std::string& word : split(text, ' ')) {
    if (word.empty()) continue;
    const auto number = parse_uint(word);
    if (!number) return {};
    out.push_back(*number);
  }
  return out;
}

uint64_t machine_memory() {
  const auto pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(size) : 0;
}

}  // namespace

std::map<std::string, InterfaceCounters> parse_net_dev(std::string_view text) {
  std::map<std::string, InterfaceCounters> out;
  for (const std::string& line : split(text, '\n')) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string name(trim(std::string_view(line).substr(0, colon)));
    const auto n = stats_numbers(std::string_view(line).substr(colon + 1));
    if (n.size() < 12 || name == "lo" || name.empty()) continue;
    out[name] = {n[0], n[1], n[2], n[3], n[8], n[9], n[10], n[11]};
  }
  return out;
}

uint64_t parse_system_cpu(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  if (!line.starts_with("cpu ")) return 0;
  const auto ticks = stats_numbers(line.substr(4));
  uint64_t sum = 0;
  // user nice system idle iowait irq softirq; what follows (steal, guest) is counted in these or
  // not ours.
  for (size_t i = 0; i < std::min<size_t>(ticks.size(), 7); ++i) sum += ticks[i];
  const auto per_second = ::sysconf(_SC_CLK_TCK);
  return per_second > 0 ? sum * (1'000'000'000 / static_cast<uint64_t>(per_second)) : 0;
}

Stats Engine::stats(const std::string& id) const {
  const Record record = impl_->get(id)->snapshot();
  Stats out;
  out.time = impl_->clock.now();
  if (!is_up(record.info.state.status)) return out;
  out.running = true;
  const std::string cgroup = impl_->cgroup_of(record);
  out.usage = impl_->cgroups.usage(cgroup);
  out.details = impl_->cgroups.details(cgroup);
  out.cgroup_v2 = impl_->cgroups.layout() == linux::CgroupLayout::v2;
  out.system_cpu_ns = parse_system_cpu(stats_text("/proc/stat"));
  out.online_cpus = static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  out.machine_memory_bytes = machine_memory();
  if (record.info.spec.network_mode != "host")
    out.networks =
        parse_net_dev(stats_text(fmt::format("/proc/{}/net/dev", record.info.state.pid)));
  return out;
}

}  // namespace slipway::container

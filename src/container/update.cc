// Changing a container's limits and restart policy, also while it runs.
#include <unistd.h>

#include "base/log.h"
#include "container/impl.h"
#include "container/limits.h"

namespace slipway::container {
namespace {

template <typename T>
void take(T& into, const T& value) {
  if (value != T()) into = value;
}

linux::CgroupChanges cgroup_changes(const Spec& spec, const Changes& changes) {
  constexpr int64_t kPeriod = 100'000;
  linux::CgroupChanges out;
  out.memory_bytes = changes.memory_bytes;
  out.memory_reservation_bytes = changes.memory_reservation_bytes;
  // A memory limit is never sent without the swap limit that goes with it.
  if (changes.memory_bytes != 0 || changes.memory_swap_bytes != 0) {
    out.memory_bytes = spec.memory_bytes;
    out.memory_swap_bytes = spec.memory_swap_bytes;
  }
  out.cpu_shares = static_cast<uint64_t>(std::max<int64_t>(changes.cpu_shares, 0));
  if (changes.nano_cpus > 0) {
    out.cpu_period_us = kPeriod;
    out.cpu_quota_us = std::max<int64_t>(changes.nano_cpus / (1'000'000'000 / kPeriod), 1000);
  } else {
    out.cpu_quota_us = changes.cpu_quota_us;
    out.cpu_period_us = changes.cpu_period_us;
  }
  out.pids = changes.pids_limit;
  out.cpuset_cpus = changes.cpuset_cpus;
  out.cpuset_mems = changes.cpuset_mems;
  out.blkio_weight = spec.host.blkio_weight == 0 ? 0 : changes.blkio_weight;
  return out;
}

}  // namespace

Spec apply_changes(const Spec& before, const Changes& changes) {
  Spec spec = before;
  if (changes.memory_bytes != 0 && changes.memory_swap_bytes == 0 && spec.memory_swap_bytes > 0 &&
      static_cast<int64_t>(changes.memory_bytes) > spec.memory_swap_bytes)
    throw conflict(
        "Memory limit should be smaller than already set memoryswap limit, update the memoryswap "
        "at the same time");
  if (changes.nano_cpus != 0 && (spec.cpu_quota_us > 0 || spec.cpu_period_us > 0))
    throw conflict(
        "Conflicting options: NanoCPUs cannot be updated as CPU Quota/Period has already been set");
  if ((changes.cpu_quota_us > 0 || changes.cpu_period_us > 0) && spec.nano_cpus > 0)
    throw conflict(
        "Conflicting options: CPU Quota/Period cannot be updated as NanoCPUs has already been set");
  take(spec.memory_bytes, changes.memory_bytes);
  take(spec.memory_reservation_bytes, changes.memory_reservation_bytes);
  take(spec.memory_swap_bytes, changes.memory_swap_bytes);
  take(spec.nano_cpus, changes.nano_cpus);
  take(spec.cpu_shares, changes.cpu_shares);
  take(spec.cpu_quota_us, changes.cpu_quota_us);
  take(spec.cpu_period_us, changes.cpu_period_us);
  take(spec.host.cpuset_cpus, changes.cpuset_cpus);
  take(spec.host.cpuset_mems, changes.cpuset_mems);
  take(spec.host.blkio_weight, changes.blkio_weight);
  if (changes.pids_limit) spec.pids_limit = *changes.pids_limit;
  if (!changes.restart_policy.empty()) {
    if (spec.auto_remove && changes.restart_policy != "no")
      throw invalid_argument(
          "Restart policy cannot be updated because AutoRemove is enabled for the container");
    spec.restart_policy = changes.restart_policy;
    spec.restart_max = changes.restart_max;
  }
  return spec;
}

std::vector<std::string> Engine::update(const std::string& id, const Changes& changes) {
  const auto container = impl_->get(id);
  const std::lock_guard operation(container->operation);
  const Record record = container->snapshot();
  if (record.info.state.status == Status::removing || record.info.state.status == Status::dead)
    throw conflict("container is marked for removal and cannot be \"update\"");
  Spec spec = apply_changes(record.info.spec, changes);
  check_limits(spec, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
  const auto warnings = drop_unknown_limits(spec, impl_->cgroups);
  if (is_up(record.info.state.status))
    impl_->cgroups.change(impl_->cgroup_of(record), cgroup_changes(spec, changes));
  container->update([&](Record& r) {
    spec.name = r.info.spec.name;  // the rest of a specification never changes
    r.info.spec = spec;
  });
  impl_->save(*container);
  impl_->event(container->snapshot(), "update");
  return warnings;
}

std::vector<std::string> Engine::warnings_of(const Spec& spec) const {
  Spec copy = spec;
  return drop_unknown_limits(copy, impl_->cgroups);
}

}  // namespace slipway::container

#include "elb/health.h"

#include "elb/shown_health.h"

namespace slipway::elb {
namespace {

const char* reason_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::code_mismatch:
      return "Target.ResponseCodeMismatch";
    case Outcome::timeout:
      return "Target.Timeout";
    default:
      return "Target.FailedHealthChecks";
  }
}

}  // namespace

std::optional<TargetRow> next_health(const TargetRow& row, Counters& counters,
                                     const Thresholds& thresholds, const CheckResult& result) {
  if (row.state == "draining") return std::nullopt;
  TargetRow next = row;
  if (result.outcome == Outcome::passed) {
    counters.failed = 0;
    ++counters.passed;
    const bool enough = row.state == "initial" ||
                        (row.state == "unhealthy" && counters.passed >= thresholds.healthy);
    if (!enough) return std::nullopt;
    set_state(next, "healthy", "");
    return next;
  }
  counters.passed = 0;
  ++counters.failed;
  const std::string reason = reason_of(result.outcome);
  if (row.state == "unhealthy" || counters.failed >= thresholds.unhealthy) {
    set_state(next, "unhealthy", reason, result.code);
  } else if (row.state == "initial") {
    set_state(next, "initial", "Elb.InitialHealthChecking");
  }
  const bool same =
      next.state == row.state && next.reason == row.reason && next.description == row.description;
  return same ? std::nullopt : std::optional(next);
}

std::vector<bool> routed(const std::vector<std::shared_ptr<const TargetRow>>& rows,
                         size_t minimum_count, size_t minimum_percent) {
  size_t healthy = 0, registered = 0;
  for (auto& row : rows) {
    if (row->state == "draining") continue;
    ++registered;
    if (row->state == "healthy") ++healthy;
  }
  const size_t by_percent = (registered * minimum_percent + 99) / 100;
  const bool open = healthy < std::max(minimum_count, by_percent);
  std::vector<bool> out;
  for (auto& row : rows) {
    out.push_back(row->state == "healthy" || (open && row->state == "unhealthy"));
  }
  return out;
}

}  // namespace slipway::elb

// Runs health checks: one thread, non-blocking sockets, one connection per check. Knows nothing of
// states: it reports what each check found.
#pragma once
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/stop.h"
#include "base/sync.h"
#include "elb/health.h"
#include "elb/matcher.h"

namespace slipway::elb {

struct Check {
  std::string key;  // names the target
  std::string address;
  uint16_t port = 0;
  bool http = true;  // false: a TCP connection is enough
  std::string path = "/";
  Matcher matcher;
  milliseconds interval{30'000}, timeout{5'000};
  Thresholds thresholds;
};

class Checker {
 public:
  // Called in the checker's thread. The counters belong to the check.
  using Report = std::function<void(const Check&, const CheckResult&, Counters&)>;
  explicit Checker(Report report);
  ~Checker();
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;
  // The checks from now on: new keys are checked at once, absent ones no more.
  void set(std::vector<Check> checks);

 private:
  void run();

  Report report_;
  Stop stop_;
  Wakeup wakeup_;
  Sync<std::optional<std::vector<Check>>> wanted_;
  std::jthread thread_;
};

}  // namespace slipway::elb

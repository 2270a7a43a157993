// Makes the load balancers of the store real: level-triggered, repeatable at any moment. Each pass
// reads a snapshot, writes down what time has changed (ends of draining), renders, reloads HAProxy
// when its structure changed or moves targets in place, and hands the checks to the checker, whose
// findings go to the store and so wake the next pass. HAProxy outlives the loop.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/stop.h"
#include "elb/checker.h"
#include "elb/desired.h"
#include "haproxy/supervisor.h"
#include "store/store.h"

namespace slipway::elb {

struct LoopDeps {
  store::Store& store;
  const Clock& clock;
  std::string run_root;  // "/run/slipway": HAProxy's files go to <run_root>/haproxy
};

class Loop {
 public:
  explicit Loop(LoopDeps deps);
  ~Loop();
  // Until the stop. HAProxy keeps running.
  void run(const Stop& stop);
  // Ends HAProxy (slipway down). Not while run() runs.
  void tear_down();

 private:
  using Slots = std::map<std::string, std::vector<haproxy::Slot>>;

  void adopt();
  bool pass();  // false: something could not be done, try again soon
  bool keep_books(const Snapshot& snapshot);
  void choose_ports(haproxy::Model& model);
  void fill_slots(Desired& desired);
  bool serve(const haproxy::Model& model);
  void drop_unrenderable(haproxy::Model& model);
  void show_states(const Snapshot& snapshot, bool served, const std::string& problem);
  void record(const Check& check, const CheckResult& result, Counters& counters);
  void warn_once(const std::string& subject, const std::string& text);
  SteadyTime next_wake(const Snapshot& snapshot) const;

  LoopDeps deps_;
  haproxy::Supervisor supervisor_;
  Slots slots_;                                 // what HAProxy has
  std::map<std::string, size_t> cursors_;       // see slots.h
  std::string structure_;                       // what HAProxy runs; empty: nothing
  std::set<std::string> held_;                  // "address:port" that our HAProxy holds
  std::map<std::string, std::string> blocked_;  // balancer's id -> why a port is not served
  std::map<std::string, std::string> warned_;
  Snapshot last_;  // of the last pass
  bool settled_ = false;
  std::string problem_;
  SteadyTime wake_at_;
  std::unique_ptr<Checker> checker_;  // last: its thread uses what is above
};

}  // namespace slipway::elb

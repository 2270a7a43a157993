#include "elb/health.h"

#include <gtest/gtest.h>
#include <random>

#include "elb/matcher.h"
#include "elb/shown_health.h"
#include "elb/slots.h"

namespace slipway::elb {
namespace {

constexpr CheckResult passed{Outcome::passed, 200};
constexpr CheckResult mismatch{Outcome::code_mismatch, 502};

TEST(Health, ANewTargetNeedsOnePassLaterChangesTheirThreshold) {
  TargetRow row;
  set_state(row, "initial", "Elb.RegistrationInProgress");
  Counters counters;
  const Thresholds thresholds{3, 2};
  const auto feed = [&](const CheckResult& result) {
    if (const auto next = next_health(row, counters, thresholds, result)) row = *next;
    return row.state;
  };
  EXPECT_EQ(feed(mismatch), "initial");
  EXPECT_EQ(row.reason, "Elb.InitialHealthChecking");
  EXPECT_EQ(feed(passed), "healthy");
  EXPECT_EQ(row.reason, "");
  EXPECT_EQ(feed(mismatch), "healthy");
  EXPECT_EQ(feed(passed), "healthy");
  EXPECT_EQ(feed(mismatch), "healthy");
  EXPECT_EQ(feed(mismatch), "unhealthy");
  EXPECT_EQ(row.reason, "Target.ResponseCodeMismatch");
  EXPECT_EQ(row.description, "Health checks failed with these codes: [502]");
  EXPECT_EQ(feed({Outcome::timeout, 0}), "unhealthy");
  EXPECT_EQ(row.reason, "Target.Timeout");
  EXPECT_EQ(feed(passed), "unhealthy");
  EXPECT_EQ(feed(passed), "unhealthy");
  EXPECT_EQ(feed(mismatch), "unhealthy");
  EXPECT_EQ(feed(passed), "unhealthy");
  EXPECT_EQ(feed(passed), "unhealthy");
  EXPECT_EQ(feed(passed), "healthy");
  row.state = "draining";
  EXPECT_FALSE(next_health(row, counters, thresholds, passed));
}

// Random results: the state never changes without its count of equal results in a row.
TEST(Health, NeverFlapsWithoutItsCount) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const Thresholds thresholds{2 + static_cast<int>(random() % 4),
                                2 + static_cast<int>(random() % 4)};
    TargetRow row;
    Counters counters;
    int passes = 0, fails = 0;
    for (int i = 0; i < 500; ++i) {
      const bool good = random() % 3 != 0;
      passes = good ? passes + 1 : 0;
      fails = good ? 0 : fails + 1;
      const std::string before = row.state;
      if (const auto next = next_health(row, counters, thresholds, good ? passed : mismatch)) {
        row = *next;
      }
      if (before == row.state) continue;
      if (row.state == "healthy") {
        EXPECT_TRUE(before == "initial" || passes >= thresholds.healthy);
      }
      if (row.state == "unhealthy") {
        EXPECT_GE(fails, thresholds.unhealthy);
      }
    }
  }
}

std::vector<std::shared_ptr<const TargetRow>> rows(const std::vector<std::string>& states) {
  std::vector<std::shared_ptr<const TargetRow>> out;
  for (auto& state : states) {
    TargetRow row;
    row.state = state;
    out.push_back(std::make_shared<const TargetRow>(row));
  }
  return out;
}

TEST(Routed, HealthyOnesUntilThereAreTooFew) {
  using Bools = std::vector<bool>;
  EXPECT_EQ(routed(rows({"healthy", "unhealthy", "initial", "draining"}), 1, 0),
            (Bools{true, false, false, false}));
  EXPECT_EQ(routed(rows({"unhealthy", "unhealthy", "draining"}), 1, 0), (Bools{true, true, false}));
  EXPECT_EQ(routed(rows({"initial"}), 1, 0), (Bools{false}));
  EXPECT_EQ(routed(rows({"healthy", "unhealthy"}), 2, 0), (Bools{true, true}));
  EXPECT_EQ(routed(rows({"healthy", "unhealthy", "unhealthy"}), 1, 50), (Bools{true, true, true}));
}

TEST(Matcher, ListsAndRanges) {
  EXPECT_TRUE(matches(*parse_matcher("200-299,404"), 204));
  EXPECT_TRUE(matches(*parse_matcher("200-299,404"), 404));
  EXPECT_FALSE(matches(*parse_matcher("200-299,404"), 301));
  for (const char* bad : {"", "x", "199", "500", "300-200", "200-", "200,,201", "-300"}) {
    EXPECT_FALSE(parse_matcher(bad)) << bad;
  }
}

haproxy::Slot slot(const std::string& address, bool up = true) {
  return {address, 80, up};
}

TEST(Slots, TargetsStayWhereTheyAreAndSlotsRest) {
  size_t cursor = 0;
  auto first = place({}, {slot("a"), slot("b")}, cursor);
  EXPECT_EQ(first.size(), 16u);
  const auto at = [](const auto& slots, const std::string& address) {
    for (size_t i = 0; i < slots.size(); ++i) {
      if (slots[i].address == address) return static_cast<int>(i);
    }
    return -1;
  };
  auto second = place(first, {slot("b"), slot("c")}, cursor);
  EXPECT_EQ(at(second, "a"), -1);
  EXPECT_EQ(at(second, "b"), at(first, "b"));
  EXPECT_NE(at(second, "c"), at(first, "a")) << "the slot that has just been left rests";
  std::vector<haproxy::Slot> many;
  for (int i = 0; i < 17; ++i) many.push_back(slot(std::to_string(i)));
  EXPECT_EQ(place(second, many, cursor).size(), 32u);
  for (auto& target : many) EXPECT_NE(at(place(second, many, cursor), target.address), -1);
}

TEST(Slots, NewTargetsComeUpBeforeOldOnesGo) {
  const std::vector<haproxy::Slot> from = {slot("a"), {}, slot("d", false)};
  const std::vector<haproxy::Slot> to = {slot("a", false), slot("b"), {}};
  const auto changes = slot_changes("web", from, to);
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[0].slot, 1u);
  EXPECT_TRUE(changes[0].value.up);
  EXPECT_EQ(changes[1].slot, 0u);
  EXPECT_FALSE(changes[1].cut) << "a draining target keeps its connections";
  EXPECT_EQ(changes[2].slot, 2u);
  EXPECT_TRUE(changes[2].cut);
}

// Every sequence of wishes ends with each wanted target in exactly one slot.
TEST(Slots, RandomChangesKeepEveryTargetOnce) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    std::vector<haproxy::Slot> current;
    size_t cursor = 0;
    for (int step = 0; step < 60; ++step) {
      std::vector<haproxy::Slot> wanted;
      for (int i = 0; i < 40; ++i) {
        if (random() % 3 == 0) wanted.push_back(slot(std::to_string(i), random() % 2 == 0));
      }
      const auto next = place(current, wanted, cursor);
      size_t taken = 0;
      for (auto& one : next) taken += one.address.empty() ? 0 : 1;
      EXPECT_EQ(taken, wanted.size());
      for (auto& target : wanted) {
        EXPECT_EQ(std::count(next.begin(), next.end(), target), 1);
      }
      auto replayed = current;
      replayed.resize(next.size());
      for (auto& change : slot_changes("web", current, next)) replayed[change.slot] = change.value;
      EXPECT_EQ(replayed, next);
      current = next;
    }
  }
}

}  // namespace
}  // namespace slipway::elb

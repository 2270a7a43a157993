// A key changes with each thing that a step's result depends on, and with nothing else.
#include "build/step_keys.h"

#include <gtest/gtest.h>
#include <set>

namespace slipway::build {
namespace {

const RunInputs kRun{{"/bin/sh", "-c", "make"}, {"PATH=/bin", "A=1"}, "7:8", "/src", ""};
const CopyInputs kCopy{false, {"sum1", "sum2"}, "/to/", "1:2", "755"};

TEST(StepKeys, TheSameStepOnTheSameLayersHasTheSameKey) {
  EXPECT_EQ(layer_key({"sha256:a"}, run_inputs(kRun)), layer_key({"sha256:a"}, run_inputs(kRun)));
}

TEST(StepKeys, EveryInputOfARunCounts) {
  std::set<std::string> keys{run_inputs(kRun)};
  auto other = kRun;
  other.words.back() = "make all";
  keys.insert(run_inputs(other));
  other = kRun;
  other.env.push_back("B=2");
  keys.insert(run_inputs(other));
  other = kRun;
  other.user = "0";
  keys.insert(run_inputs(other));
  other = kRun;
  other.working_dir = "/";
  keys.insert(run_inputs(other));
  other = kRun;
  other.network = "none";
  keys.insert(run_inputs(other));
  EXPECT_EQ(keys.size(), 6u);
}

TEST(StepKeys, EveryInputOfACopyCounts) {
  std::set<std::string> keys{copy_inputs(kCopy)};
  auto other = kCopy;
  other.add = true;
  keys.insert(copy_inputs(other));
  other = kCopy;
  other.sums = {"sum2", "sum1"};
  keys.insert(copy_inputs(other));
  other = kCopy;
  other.destination = "/to";
  keys.insert(copy_inputs(other));
  other = kCopy;
  other.chown.clear();
  keys.insert(copy_inputs(other));
  other = kCopy;
  other.chmod = "700";
  keys.insert(copy_inputs(other));
  EXPECT_EQ(keys.size(), 6u);
}

TEST(StepKeys, WhereOneFieldEndsAndTheNextBeginsCounts) {
  EXPECT_NE(copy_inputs({false, {}, "a", "b", ""}), copy_inputs({false, {}, "ab", "", ""}));
  EXPECT_NE(copy_inputs({false, {"a", "b"}, "", "", ""}), copy_inputs({false, {"ab"}, "", "", ""}));
  EXPECT_NE(layer_key({"a", "b"}, "c"), layer_key({"a"}, "bc"));
}

TEST(StepKeys, TheLayersBelowAndTheStepBeforeCount) {
  EXPECT_NE(layer_key({"sha256:a"}, "x"), layer_key({"sha256:b"}, "x"));
  EXPECT_NE(layer_key({}, "x"), layer_key({"sha256:b"}, "x"));
  EXPECT_NE(config_key("k1", "x"), config_key("k2", "x"));
  EXPECT_NE(config_key("", "x"), layer_key({}, "x"));
}

TEST(StepKeys, BytesThatAreNoTextAreFine) {
  EXPECT_NE(copy_inputs({false, {}, "\xff", "", ""}), copy_inputs({false, {}, "\xfe", "", ""}));
}

}  // namespace
}  // namespace slipway::build

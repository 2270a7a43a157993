#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/stop.h"
#include "base/strings.h"

namespace slipway {
namespace {

TEST(Clock, RoundTripsRfc3339) {
  const auto t = parse_rfc3339("2026-11-23T06:24:48.123456789Z");
  EXPECT_EQ(to_rfc3339(t), "2026-11-23T06:24:48.123456Z");
  EXPECT_EQ(to_rfc3339(parse_rfc3339("2026-11-23T08:24:48+02:00"), 0), "2026-11-23T06:24:48Z");
  EXPECT_THROW(parse_rfc3339("yesterday"), Error);
}

TEST(Stop, ParentEndsChildAndChildAloneDoesNotEndParent) {
  Stop parent;
  const Stop child = parent.child();
  const Stop other = parent.child();
  child.request();
  EXPECT_FALSE(parent.requested());
  EXPECT_FALSE(other.requested());
  parent.request();
  EXPECT_TRUE(other.requested());
  EXPECT_TRUE(parent.child().requested());
  EXPECT_TRUE(other.wait_for(seconds(10)));
}

TEST(Strings, GlobMatchesStarsAndQuestionMarks) {
  EXPECT_TRUE(glob_match("/api/*/x?", "/api/a/b/xy"));
  EXPECT_FALSE(glob_match("/api/*", "/ap/i"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_FALSE(glob_match("?", ""));
}

TEST(Strings, ParsesByteSizes) {
  EXPECT_EQ(parse_bytes("512m"), 512u << 20);
  EXPECT_EQ(parse_bytes("1.5KiB"), 1536u);
  EXPECT_EQ(parse_bytes("7"), 7u);
  EXPECT_FALSE(parse_bytes("7x"));
  EXPECT_FALSE(parse_bytes(""));
}

TEST(Error, CheckKeepsErrnoAndMeaning) {
  errno = ENOENT;
  try {
    check(-1, "open {}", "/x");
    FAIL();
  } catch (const SystemError& e) {
    EXPECT_EQ(e.kind(), Kind::not_found);
    EXPECT_STREQ(e.what(), "open /x: No such file or directory");
  }
}

}  // namespace
}  // namespace slipway

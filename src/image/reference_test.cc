#include <gtest/gtest.h>

#include "base/error.h"
#include "image/image.h"

namespace slipway::image {
namespace {

const std::string hex64(64, 'a');

std::string full(std::string_view text) {
  return Reference::parse(text).full();
}

TEST(Reference, FillsInDockersDefaults) {
  EXPECT_EQ(full("busybox"), "docker.io/library/busybox:latest");
  EXPECT_EQ(full("busybox:1.36"), "docker.io/library/busybox:1.36");
  EXPECT_EQ(full("team/app"), "docker.io/team/app:latest");
  EXPECT_EQ(full("index.docker.io/library/x"), "docker.io/library/x:latest");
  EXPECT_EQ(full("localhost/app"), "localhost/app:latest");
  EXPECT_EQ(full("localhost:5000/a/b:v1"), "localhost:5000/a/b:v1");
  EXPECT_EQ(full("[::1]:5000/a"), "[::1]:5000/a:latest");
  EXPECT_EQ(full("123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web:v2"),
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web:v2");
  EXPECT_EQ(full("app@sha256:" + hex64), "docker.io/library/app@sha256:" + hex64);
}

TEST(Reference, ShowsNamesAsDockerDoes) {
  EXPECT_EQ(Reference::parse("docker.io/library/busybox").familiar(), "busybox:latest");
  EXPECT_EQ(Reference::parse("docker.io/team/app:1").familiar(), "team/app:1");
  EXPECT_EQ(Reference::parse("localhost:5000/a:1").familiar(), "localhost:5000/a:1");
}

TEST(Reference, RefusesWhatDockerRefuses) {
  for (const std::string bad : {"",       "a b",        "Busybox", "a//b",  "/a",
                                "a/",     "a:",         ":a",      "a@",    "a@sha256:12",
                                "a:-x",   "-a",         "a..b",    "a___b", "../etc/passwd",
                                "a/../b", "x.y:port/a", "a:b:c",   "a\nb",  "exämple"})
    EXPECT_THROW(Reference::parse(bad), Error) << bad;
  EXPECT_THROW(Reference::parse(hex64), Error);
  EXPECT_THROW(Reference::parse("a:" + std::string(129, 'x')), Error);
  EXPECT_THROW(Reference::parse("x.y/" + std::string(256, 'a')), Error);
}

TEST(Digest, IsLowerHexOfTheRightLength) {
  EXPECT_TRUE(valid_digest("sha256:" + hex64));
  EXPECT_TRUE(valid_digest("sha512:" + hex64 + hex64));
  for (const std::string& bad :
       {hex64, "sha256:" + hex64 + "a", "sha256:" + std::string(64, 'A'),
        "sha256:" + hex64.substr(1), "sha256:../" + hex64.substr(3), "md5:" + hex64, std::string()})
    EXPECT_FALSE(valid_digest(bad)) << bad;
}

}  // namespace
}  // namespace slipway::image

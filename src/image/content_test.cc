#include <gtest/gtest.h>
#include <utime.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "codec/hash.h"
#include "image/image.h"

namespace slipway::image {
namespace {

class Content : public ::testing::Test {
 protected:
  ~Content() override { remove_tree(root_); }
  size_t ingesting() const {
    size_t count = 0;
    for (const auto& unused : std::filesystem::directory_iterator(root_ + "/ingest"))
      count += unused.exists();
    return count;
  }
  std::string root_ = "/tmp/slipway-content-" + random_hex(6);
  ContentStore content_{root_};
};

TEST_F(Content, KeepsBlobsByDigestAcrossRestart) {
  const auto digest = content_.put("hello");
  EXPECT_EQ(digest, sha256_digest("hello"));
  auto ingest = content_.ingest("sha512");
  ingest->write("hel");
  ingest->write("lo");
  const auto other = ingest->commit();
  EXPECT_EQ(other.substr(0, 7), "sha512:");
  ContentStore again(root_);
  EXPECT_EQ(again.read(digest), "hello");
  EXPECT_EQ(again.read(other), "hello");
  EXPECT_EQ(again.size(digest), 5u);
  EXPECT_EQ(again.list().size(), 2u);
}

TEST_F(Content, AWrongDigestLeavesNothing) {
  {
    auto ingest = content_.ingest();
    ingest->write("hello");
    EXPECT_THROW(ingest->commit(sha256_digest("other")), Error);
  }
  EXPECT_TRUE(content_.list().empty());
  EXPECT_EQ(ingesting(), 0u);
}

TEST_F(Content, AnUncommittedIngestIsDiscarded) {
  content_.ingest()->write("half");
  EXPECT_EQ(ingesting(), 0u);
}

TEST_F(Content, RefusesPathsAsDigests) {
  EXPECT_THROW(content_.open("sha256:../../../../etc/passwd"), Error);
  EXPECT_FALSE(content_.has("../../etc/passwd"));
  EXPECT_THROW(content_.read(sha256_digest("absent")), Error);
}

TEST_F(Content, TouchedBlobsAreNotIdle) {
  const auto digest = content_.put("hello");
  const utimbuf old{1'000'000, 1'000'000};
  ASSERT_EQ(::utime(content_.path(digest).c_str(), &old), 0);
  EXPECT_TRUE(content_.touch(digest));
  EXPECT_FALSE(content_.remove_if_idle(digest, seconds(60)));
  ASSERT_EQ(::utime(content_.path(digest).c_str(), &old), 0);
  EXPECT_TRUE(content_.remove_if_idle(digest, seconds(60)));
  EXPECT_FALSE(content_.touch(digest));
}

TEST_F(Content, LimitsWhatIsReadIntoMemory) {
  const auto digest = content_.put(std::string(1000, 'x'));
  EXPECT_THROW(content_.read(digest, 999), Error);
}

}  // namespace
}  // namespace slipway::image

// ECR at its operation table, over a real registry.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json.h"
#include "ecr/api.h"
#include "ecr/operations.h"
#include "registry/testing.h"

namespace slipway::ecr {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EcrTest : public ::testing::Test {
 protected:
  template <class Tag>
  typename Tag::Output call(const typename Tag::Input& in = {}) {
    for (const auto& one : service_.operations) {
      if (one.name != Tag::name) continue;
      aws::Context c{*r.t.store};
      c.account = "123456789012";
      c.region = "us-east-1";
      c.principal_arn = "arn:aws:iam::123456789012:root";
      c.now = r.clock.now();
      typename Tag::Output out;
      run(c, one.transaction, [&] {
        out = {};
        one.call(c, &in, &out);
      });
      return out;
    }
    throw std::logic_error("no row: " + std::string(Tag::name));
  }
  // "Code: message" of the refusal.
  template <class Tag>
  std::string refusal(const typename Tag::Input& in) {
    try {
      call<Tag>(in);
    } catch (const aws::ServiceError& e) {
      return e.code() + ": " + e.what();
    }
    return "accepted";
  }
  void run(aws::Context& c, aws::Transaction how, const std::function<void()>& fn) {
    if (how == aws::Transaction::none) return fn();
    // Reads too: a writer is a reader, and the tests are alone.
    r.t.store->write([&](store::Writer& db) {
      c.db = &db;
      fn();
    });
  }

  api::Repository make(const std::string& name) {
    api::CreateRepositoryRequest in;
    in.repositoryName = name;
    return *call<api::op::CreateRepository>(in).repository;
  }
  void layer(const std::string& bytes) {
    api::InitiateLayerUploadRequest start;
    start.repositoryName = "app";
    const auto upload = *call<api::op::InitiateLayerUpload>(start).uploadId;
    api::UploadLayerPartRequest part;
    part.repositoryName = "app";
    part.uploadId = upload;
    part.partFirstByte = 0;
    part.partLastByte = static_cast<int64_t>(bytes.size()) - 1;
    part.layerPartBlob = aws::Blob{bytes};
    call<api::op::UploadLayerPart>(part);
    api::CompleteLayerUploadRequest done;
    done.repositoryName = "app";
    done.uploadId = upload;
    done.layerDigests = {sha256_digest(bytes)};
    call<api::op::CompleteLayerUpload>(done);
  }
  static std::string manifest_of(const std::string& text) {
    const auto part = [](const char* type, const std::string& bytes) {
      return Json{{"mediaType", type}, {"digest", sha256_digest(bytes)}, {"size", bytes.size()}};
    };
    return Json{
        {"schemaVersion", 2},
        {"mediaType", image::media_docker_manifest},
        {"config", part("application/vnd.docker.container.image.v1+json", "{}")},
        {"layers", Json::array({part("application/vnd.docker.image.rootfs.diff.tar.gzip", text)})}}
        .dump();
  }
  api::PutImageRequest put_request(const std::string& text, const std::string& tag) {
    api::PutImageRequest in;
    in.repositoryName = "app";
    in.imageManifest = manifest_of(text);
    if (!tag.empty()) in.imageTag = tag;
    return in;
  }
  // Layers and manifest of an image in "app"; returns its digest.
  std::string put(const std::string& text, const std::string& tag) {
    for (const std::string& bytes : {std::string("{}"), text}) {
      api::BatchCheckLayerAvailabilityRequest check;
      check.repositoryName = "app";
      check.layerDigests = {sha256_digest(bytes)};
      const auto known = call<api::op::BatchCheckLayerAvailability>(check);
      if (*known.layers->at(0).layerAvailability != "AVAILABLE") layer(bytes);
    }
    return *call<api::op::PutImage>(put_request(text, tag)).image->imageId->imageDigest;
  }
  std::vector<std::string> listed(const std::string& status = "ANY") {
    api::ListImagesRequest in;
    in.repositoryName = "app";
    in.filter.emplace().tagStatus = status;
    std::vector<std::string> out;
    const auto answer = call<api::op::ListImages>(in);
    for (const auto& id : *answer.imageIds) out.push_back(id.imageTag.value_or("-"));
    std::sort(out.begin(), out.end());
    return out;
  }
  api::BatchDeleteImageResponse remove(std::optional<std::string> digest,
                                       std::optional<std::string> tag) {
    api::BatchDeleteImageRequest in;
    in.repositoryName = "app";
    in.imageIds = {{std::move(digest), std::move(tag)}};
    return call<api::op::BatchDeleteImage>(in);
  }

  registry::TestRegistry r;
  Ecr ecr_{*r.t.content, r.uploads, r.tokens};
  aws::Service service_ = service(ecr_);
};

const std::string in_registry = " in the registry with id '123456789012'";

TEST_F(EcrTest, CreatesRepositoriesWithAwssDefaults) {
  const auto made = make("team/app");
  EXPECT_EQ(made.repositoryArn, "arn:aws:ecr:us-east-1:123456789012:repository/team/app");
  EXPECT_EQ(made.repositoryUri, "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app");
  EXPECT_EQ(made.imageTagMutability, "MUTABLE");
  EXPECT_EQ(made.imageScanningConfiguration->scanOnPush, false);
  EXPECT_EQ(made.encryptionConfiguration->encryptionType, "AES256");
  EXPECT_FALSE(made.imageTagMutabilityExclusionFilters);
  api::CreateRepositoryRequest again;
  again.repositoryName = "team/app";
  EXPECT_EQ(refusal<api::op::CreateRepository>(again),
            "RepositoryAlreadyExistsException: The repository with name 'team/app' already "
            "exists" +
                in_registry);
}

TEST_F(EcrTest, DescribesRepositoriesInPages) {
  for (const char* name : {"cc", "aa", "bb"}) make(name);
  api::DescribeRepositoriesRequest in;
  in.maxResults = 2;
  const auto first = call<api::op::DescribeRepositories>(in);
  ASSERT_EQ(first.repositories->size(), 2u);
  EXPECT_EQ(first.repositories->at(0).repositoryName, "aa");
  in.nextToken = first.nextToken;
  const auto second = call<api::op::DescribeRepositories>(in);
  ASSERT_EQ(second.repositories->size(), 1u);
  EXPECT_EQ(second.repositories->at(0).repositoryName, "cc");
  EXPECT_FALSE(second.nextToken);
  api::DescribeRepositoriesRequest one;
  one.repositoryNames = {"none"};
  EXPECT_EQ(
      refusal<api::op::DescribeRepositories>(one),
      "RepositoryNotFoundException: The repository with name 'none' does not exist" + in_registry);
}

TEST_F(EcrTest, DeletesOnlyEmptyRepositoriesUnlessForced) {
  make("app");
  put("layer", "v1");
  api::DeleteRepositoryRequest in;
  in.repositoryName = "app";
  EXPECT_EQ(refusal<api::op::DeleteRepository>(in),
            "RepositoryNotEmptyException: The repository with name 'app' in registry with id "
            "'123456789012' cannot be deleted because it still contains images");
  in.force = true;
  EXPECT_EQ(call<api::op::DeleteRepository>(in).repository->repositoryName, "app");
  make("app");
  EXPECT_THAT(listed(), ElementsAre()) << "nothing of the old repository may come back";
}

TEST_F(EcrTest, TokensLogInToTheRegistry) {
  const auto data = call<api::op::GetAuthorizationToken>().authorizationData->at(0);
  EXPECT_EQ(data.proxyEndpoint, "https://123456789012.dkr.ecr.us-east-1.amazonaws.com");
  EXPECT_EQ(TimePoint(*data.expiresAt), r.clock.now() + seconds(12 * 3600));
  const std::string decoded = base64_decode(*data.authorizationToken);
  ASSERT_EQ(decoded.substr(0, 4), "AWS:");
  EXPECT_EQ(r.tokens.verify("AWS", decoded.substr(4)).arn, "arn:aws:iam::123456789012:root");
}

TEST_F(EcrTest, TakesAnImageThroughTheLayerApi) {
  make("app");
  const auto digest = put("layer", "v1");
  api::DescribeImagesRequest in;
  in.repositoryName = "app";
  const auto found = call<api::op::DescribeImages>(in).imageDetails->at(0);
  EXPECT_EQ(found.imageDigest, digest);
  EXPECT_THAT(*found.imageTags, ElementsAre("v1"));
  EXPECT_EQ(found.imageSizeInBytes, 7);
  EXPECT_EQ(found.imageManifestMediaType, image::media_docker_manifest);
  EXPECT_EQ(found.artifactMediaType, "application/vnd.docker.container.image.v1+json");
  EXPECT_FALSE(found.lastRecordedPullTime);

  api::BatchGetImageRequest get;
  get.repositoryName = "app";
  get.imageIds = {{std::nullopt, "v1"}, {std::nullopt, "v2"}, {std::nullopt, std::nullopt}};
  const auto got = call<api::op::BatchGetImage>(get);
  EXPECT_EQ(got.images->at(0).imageManifest, manifest_of("layer"));
  EXPECT_EQ(got.failures->at(0).failureCode, "ImageNotFound");
  EXPECT_EQ(got.failures->at(0).failureReason, "Requested image not found");
  EXPECT_EQ(got.failures->at(1).failureCode, "MissingDigestAndTag");
  EXPECT_TRUE(call<api::op::DescribeImages>(in).imageDetails->at(0).lastRecordedPullTime);
}

TEST_F(EcrTest, UnknownImagesHaveAwssWords) {
  make("app");
  api::DescribeImagesRequest in;
  in.repositoryName = "app";
  in.imageIds = {{std::nullopt, "v9"}};
  EXPECT_EQ(refusal<api::op::DescribeImages>(in),
            "ImageNotFoundException: The image with imageId {imageDigest:'null', imageTag:'v9'} "
            "does not exist within the repository with name 'app'" +
                in_registry);
}

TEST_F(EcrTest, RefusesTheSameImageTwiceAndMissingLayers) {
  make("app");
  const auto digest = put("layer", "v1");
  EXPECT_EQ(refusal<api::op::PutImage>(put_request("layer", "v1")),
            "ImageAlreadyExistsException: Image with digest '" + digest +
                "' and tag 'v1' already exists in the repository with name 'app' in registry with "
                "id '123456789012'");
  EXPECT_THAT(refusal<api::op::PutImage>(put_request("absent", "v2")),
              HasSubstr("LayersNotFoundException"));
  auto wrong = put_request("layer", "v2");
  wrong.imageDigest = sha256_digest("x");
  EXPECT_THAT(refusal<api::op::PutImage>(wrong), HasSubstr("ImageDigestDoesNotMatchException"));
  EXPECT_THAT(listed(), ElementsAre("v1"));
}

TEST_F(EcrTest, MovingATagLeavesTheOldImageUntagged) {
  make("app");
  put("one", "latest");
  put("two", "latest");
  EXPECT_THAT(listed(), ElementsAre("-", "latest"));
  EXPECT_THAT(listed("UNTAGGED"), ElementsAre("-"));
  EXPECT_THAT(listed("TAGGED"), ElementsAre("latest"));
}

TEST_F(EcrTest, ImmutableTagsCannotMove) {
  make("app");
  put("one", "v1");
  api::PutImageTagMutabilityRequest in;
  in.repositoryName = "app";
  in.imageTagMutability = "IMMUTABLE_WITH_EXCLUSION";
  EXPECT_THAT(refusal<api::op::PutImageTagMutability>(in), HasSubstr("must be given"));
  api::ImageTagMutabilityExclusionFilter filter;
  filter.filterType = "WILDCARD";
  filter.filter = "dev*";
  in.imageTagMutabilityExclusionFilters = {filter};
  EXPECT_EQ(call<api::op::PutImageTagMutability>(in).imageTagMutability,
            "IMMUTABLE_WITH_EXCLUSION");
  layer("two");
  EXPECT_EQ(refusal<api::op::PutImage>(put_request("two", "v1")),
            "ImageTagAlreadyExistsException: The image tag 'v1' already exists in the 'app' "
            "repository and cannot be overwritten because the tag is immutable.");
  EXPECT_NO_THROW(put("one", "dev1"));
  EXPECT_NO_THROW(put("two", "dev1"));
}

TEST_F(EcrTest, DeletesByTagAndByDigest) {
  make("app");
  const auto digest = put("one", "a");
  put("one", "b");
  EXPECT_EQ(remove(std::nullopt, "a").imageIds->at(0).imageDigest, digest);
  EXPECT_THAT(listed(), ElementsAre("b"));
  remove(std::nullopt, "b");
  EXPECT_THAT(listed(), ElementsAre()) << "an image goes with its last tag";
  put("one", "a");
  put("one", "b");
  EXPECT_EQ(remove(digest, std::nullopt).imageIds->size(), 2u);
  EXPECT_THAT(listed(), ElementsAre());
  EXPECT_EQ(remove(digest, std::nullopt).failures->at(0).failureCode, "ImageNotFound");
  EXPECT_EQ(remove("sha256:x", std::nullopt).failures->at(0).failureCode, "InvalidImageDigest");
}

TEST_F(EcrTest, ImagesOfAnIndexStay) {
  make("app");
  const auto child = put("one", "");
  auto in = put_request("one", "all");
  const Json index = {
      {"schemaVersion", 2},
      {"mediaType", image::media_docker_list},
      {"manifests", Json::array({{{"mediaType", image::media_docker_manifest},
                                  {"digest", child},
                                  {"size", 1},
                                  {"platform", {{"os", "linux"}, {"architecture", "amd64"}}}}})}};
  in.imageManifest = index.dump();
  call<api::op::PutImage>(in);
  EXPECT_EQ(remove(child, std::nullopt).failures->at(0).failureCode,
            "ImageReferencedByManifestList");
  EXPECT_EQ(remove(std::nullopt, "all").imageIds->size(), 1u);
  EXPECT_EQ(remove(child, std::nullopt).imageIds->size(), 1u);
}

TEST_F(EcrTest, LayerPartsMustFollowEachOther) {
  make("app");
  api::InitiateLayerUploadRequest start;
  start.repositoryName = "app";
  const auto upload = *call<api::op::InitiateLayerUpload>(start).uploadId;
  api::UploadLayerPartRequest part;
  part.repositoryName = "app";
  part.uploadId = upload;
  part.partFirstByte = 5;
  part.partLastByte = 6;
  part.layerPartBlob = aws::Blob{"ab"};
  EXPECT_THAT(refusal<api::op::UploadLayerPart>(part), HasSubstr("InvalidLayerPartException"));
  api::CompleteLayerUploadRequest done;
  done.repositoryName = "app";
  done.uploadId = upload;
  done.layerDigests = {sha256_digest("ab")};
  EXPECT_THAT(refusal<api::op::CompleteLayerUpload>(done), HasSubstr("EmptyUploadException"));
  part.partFirstByte = 0;
  part.partLastByte = 1;
  EXPECT_EQ(call<api::op::UploadLayerPart>(part).lastByteReceived, 1);
  done.layerDigests = {sha256_digest("other")};
  EXPECT_THAT(refusal<api::op::CompleteLayerUpload>(done), HasSubstr("InvalidLayerException"));
  EXPECT_THAT(refusal<api::op::CompleteLayerUpload>(done), HasSubstr("UploadNotFoundException"));
}

TEST_F(EcrTest, KeepsPoliciesAsGiven) {
  make("app");
  api::GetLifecyclePolicyRequest get;
  get.repositoryName = "app";
  EXPECT_EQ(refusal<api::op::GetLifecyclePolicy>(get),
            "LifecyclePolicyNotFoundException: Lifecycle policy does not exist for the repository "
            "with name 'app'" +
                in_registry);
  api::PutLifecyclePolicyRequest put;
  put.repositoryName = "app";
  put.lifecyclePolicyText =
      R"({"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": )"
      R"("sinceImagePushed", "countUnit": "days", "countNumber": 14}, "action": {"type": "expire"}}]})";
  call<api::op::PutLifecyclePolicy>(put);
  EXPECT_EQ(call<api::op::GetLifecyclePolicy>(get).lifecyclePolicyText, put.lifecyclePolicyText);
  api::SetRepositoryPolicyRequest policy;
  policy.repositoryName = "app";
  policy.policyText = "{";
  EXPECT_THAT(refusal<api::op::SetRepositoryPolicy>(policy),
              HasSubstr("Invalid repository policy provided"));
  api::GetRepositoryPolicyRequest none;
  none.repositoryName = "app";
  EXPECT_THAT(refusal<api::op::GetRepositoryPolicy>(none),
              HasSubstr("RepositoryPolicyNotFoundException: Repository policy does not exist"));
}

TEST(LifecyclePolicy, SaysWhatIsWrong) {
  const auto rule = [](int priority, const char* selection) {
    return fmt::format(R"({{"rulePriority":{},"selection":{},"action":{{"type":"expire"}}}})",
                       priority, selection);
  };
  const auto refusal = [](const std::string& rules) -> std::string {
    try {
      check_lifecycle_policy(R"({"rules":[)" + rules + "]}");
    } catch (const api::InvalidParameterException& e) {
      return e.what();
    }
    return "accepted";
  };
  const char* any = R"({"tagStatus":"any","countType":"imageCountMoreThan","countNumber":5})";
  const char* tagged =
      R"({"tagStatus":"tagged","tagPrefixList":["v"],"countType":"imageCountMoreThan","countNumber":5})";
  EXPECT_EQ(refusal(rule(1, tagged) + "," + rule(2, any)), "accepted");
  EXPECT_THAT(refusal(rule(2, tagged) + "," + rule(1, any)), HasSubstr("highest rulePriority"));
  EXPECT_THAT(refusal(rule(1, tagged) + "," + rule(1, any)), HasSubstr("used twice"));
  EXPECT_THAT(refusal(""), HasSubstr("1 to 50"));
  EXPECT_THAT(refusal(rule(1, R"({"tagStatus":"tagged","countType":"imageCountMoreThan"})")),
              HasSubstr("needs one of tagPrefixList and tagPatternList"));
  EXPECT_THAT(refusal(rule(1, R"({"tagStatus":"some"})")), HasSubstr("is not one of"));
  EXPECT_THAT(refusal("7"), HasSubstr("needs rulePriority"));
  EXPECT_THAT(refusal("{"), HasSubstr("lifecyclePolicyText: line"));
}

TEST_F(EcrTest, TagsRepositories) {
  const auto arn = *make("app").repositoryArn;
  const auto tag = [](const std::string& key, const std::string& value) {
    api::Tag out;
    out.Key = key;
    out.Value = value;
    return out;
  };
  api::TagResourceRequest in;
  in.resourceArn = arn;
  in.tags = {tag("a", "1"), tag("b", "2")};
  call<api::op::TagResource>(in);
  in.tags = {tag("a", "3")};
  call<api::op::TagResource>(in);
  api::UntagResourceRequest out;
  out.resourceArn = arn;
  out.tagKeys = {"b"};
  call<api::op::UntagResource>(out);
  api::ListTagsForResourceRequest list;
  list.resourceArn = arn;
  EXPECT_THAT(*call<api::op::ListTagsForResource>(list).tags, ElementsAre(tag("a", "3")));
  in.tags = {tag("aws:x", "")};
  EXPECT_THAT(refusal<api::op::TagResource>(in), HasSubstr("InvalidTagParameterException"));
  list.resourceArn = "arn:aws:s3:::bucket";
  EXPECT_THAT(refusal<api::op::ListTagsForResource>(list), HasSubstr("Invalid ARN"));
}

}  // namespace
}  // namespace slipway::ecr

// Signature Version 4 against signatures that botocore computed, and against every way of
// tampering.
#include "aws/sigv4.h"

#include <gtest/gtest.h>

#include "codec/hash.h"

namespace slipway::aws {
namespace {

constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TimePoint kSigned = parse_rfc3339("2026-01-31T12:00:00Z");

net::Request request_of(const std::string& method, const std::string& target,
                        net::Headers headers) {
  net::Request r;
  r.method = method;
  r.target = target;
  r.path = target.substr(0, target.find('?'));
  if (target.find('?') != std::string::npos) r.query = target.substr(target.find('?') + 1);
  r.headers = std::move(headers);
  return r;
}

struct Case {
  net::Request request;
  std::string body;
};

Case json_case() {
  return {
      request_of("POST", "/",
                 {{"Host", "127.0.0.1:4566"},
                  {"Content-Type", "application/x-amz-json-1.1"},
                  {"X-Amz-Target", "AmazonEC2ContainerServiceV20141113.ListClusters"},
                  {"User-Agent", "x"},
                  {"amz-sdk-invocation-id", "q"},
                  {"X-Amz-Date", "20260131T120000Z"},
                  {"Authorization",
                   "AWS4-HMAC-SHA256 "
                   "Credential=AKIDEXAMPLEAKIDEXAMP/20260131/eu-west-1/ecs/aws4_request, "
                   "SignedHeaders=amz-sdk-invocation-id;content-type;host;x-amz-date;x-amz-target, "
                   "Signature=a348bacf5b30a3f2403180185d4f1c9e2360410a72e66c19e12aaf40f5d50b10"}}),
      R"({"maxResults": 5})"};
}

Case query_case() {
  return {
      request_of("POST", "/",
                 {{"Host", "localhost:4566"},
                  {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
                  {"X-Amz-Date", "20260131T120000Z"},
                  {"X-Amz-Security-Token", "IQoJb3JpZ2luX2Vj/+token=="},
                  {"Authorization",
                   "AWS4-HMAC-SHA256 "
                   "Credential=ASIAEXAMPLEAKIDEXAMP/20260131/us-east-1/sts/aws4_request, "
                   "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
                   "Signature=3c3058f0353d67336b6b2c3cc037c576bee2271c8355e3ea1f8ece3182627440"}}),
      "Action=GetCallerIdentity&Version=2011-06-15"};
}

Case odd_case() {
  return {
      request_of("GET", "/a%20b/~x/%C3%BC?b=2&a=1&a=%2B%20x&empty=&d=a%2Fb",
                 {{"Host", "api.example:8080"},
                  {"X-Custom", "  two   words  "},
                  {"X-Amz-Date", "20260131T120000Z"},
                  {"Authorization",
                   "AWS4-HMAC-SHA256 "
                   "Credential=AKIDEXAMPLEAKIDEXAMP/20260131/us-east-1/execute-api/aws4_request, "
                   "SignedHeaders=host;x-amz-date;x-custom, "
                   "Signature=c4be186ec2c33ff6acf23ec7d705549c55ea698a3656b16f4a187f847bf3ba51"}}),
      ""};
}

Case unsigned_case() {
  return {
      request_of("POST", "/",
                 {{"Host", "127.0.0.1:4566"},
                  {"Content-Type", "application/x-amz-json-1.1"},
                  {"X-Amz-Target", "T.Op"},
                  {"X-Amz-Date", "20260131T120000Z"},
                  {"X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD"},
                  {"Authorization",
                   "AWS4-HMAC-SHA256 "
                   "Credential=AKIDEXAMPLEAKIDEXAMP/20260131/us-east-1/ecr/aws4_request, "
                   "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target, "
                   "Signature=45160be32ebc8e2fd341415c2a1882afba887cd02867b556994d87b08f5fde1c"}}),
      "{}"};
}

Case presigned_case() {
  return {request_of("GET",
                     "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-"
                     "SHA256&X-Amz-Credential=ASIAEXAMPLEAKIDEXAMP%2F20260131%2Fus-east-1%2Fsts%"
                     "2Faws4_request&X-Amz-Date=20260131T120000Z&X-Amz-Expires=60&X-Amz-"
                     "SignedHeaders=host&X-Amz-Security-Token=IQoJb3JpZ2luX2Vj%2F%2Btoken%3D%3D&"
                     "X-Amz-Signature="
                     "4de4b384552ff7b681b9e9d927b12d381db957523aa3c8e549dfe10ab40efeab",
                     {{"Host", "127.0.0.1:4566"}}),
          ""};
}

// What stops the request: the error's meaning, or nothing.
std::optional<Common> refused(const Case& c, TimePoint now = kSigned,
                              const std::string& secret = kSecret) {
  try {
    const Claim claim = read_claim(c.request);
    check_time(claim, now);
    check_signature(claim, c.request, sha256_hex(c.body), secret);
    return std::nullopt;
  } catch (const AuthError& e) {
    return e.meaning();
  }
}

TEST(SigV4, AcceptsWhatBotocoreSigns) {
  EXPECT_EQ(refused(json_case()), std::nullopt);
  EXPECT_EQ(refused(query_case()), std::nullopt);
  EXPECT_EQ(refused(odd_case()), std::nullopt);
  EXPECT_EQ(refused(unsigned_case()), std::nullopt);
  EXPECT_EQ(refused(presigned_case()), std::nullopt);
}

TEST(SigV4, ReadsTheClaim) {
  const Claim claim = read_claim(query_case().request);
  EXPECT_EQ(claim.access_key_id, "ASIAEXAMPLEAKIDEXAMP");
  EXPECT_EQ(claim.region, "us-east-1");
  EXPECT_EQ(claim.service, "sts");
  EXPECT_EQ(claim.session_token, "IQoJb3JpZ2luX2Vj/+token==");
  EXPECT_EQ(read_claim(presigned_case().request).session_token, "IQoJb3JpZ2luX2Vj/+token==");
  EXPECT_EQ(read_claim(presigned_case().request).expires, seconds(60));
}

TEST(SigV4, RefusesEveryChange) {
  EXPECT_EQ(refused(json_case(), kSigned, "another secret"), Common::bad_signature);
  auto changed = [](Case c, const std::function<void(Case&)>& change) {
    change(c);
    return refused(c);
  };
  EXPECT_EQ(changed(json_case(), [](Case& c) { c.body += " "; }), Common::bad_signature);
  EXPECT_EQ(changed(json_case(), [](Case& c) { c.request.method = "PUT"; }), Common::bad_signature);
  EXPECT_EQ(changed(json_case(), [](Case& c) { c.request.path = "/x"; }), Common::bad_signature);
  EXPECT_EQ(changed(json_case(), [](Case& c) { c.request.query = "a=1"; }), Common::bad_signature);
  EXPECT_EQ(changed(json_case(), [](Case& c) { c.request.headers.set("Host", "127.0.0.1:80"); }),
            Common::bad_signature);
  EXPECT_EQ(changed(json_case(),
                    [](Case& c) { c.request.headers.set("X-Amz-Target", "T.DeleteCluster"); }),
            Common::bad_signature);
  EXPECT_EQ(changed(json_case(),
                    [](Case& c) { c.request.headers.add("X-Amz-Target", "T.DeleteCluster"); }),
            Common::bad_signature);
  EXPECT_EQ(changed(query_case(),
                    [](Case& c) { c.request.headers.set("X-Amz-Security-Token", "other"); }),
            Common::bad_signature);
  EXPECT_EQ(changed(odd_case(), [](Case& c) { c.request.query += "&z="; }), Common::bad_signature);
  EXPECT_EQ(changed(presigned_case(), [](Case& c) { c.request.query += "&Action=Other"; }),
            Common::bad_signature);
  EXPECT_EQ(changed(json_case(), [](Case& c) { c.request.headers.set("User-Agent", "y"); }),
            std::nullopt);  // not signed
}

TEST(SigV4, BindsTheTargetAndTheHost) {
  auto without = [](std::string_view name) {
    Case c = json_case();
    std::string auth(c.request.headers.get("authorization"));
    auth.erase(auth.find(name), name.size());
    c.request.headers.set("Authorization", auth);
    return refused(c);
  };
  EXPECT_EQ(without(";x-amz-target"), Common::bad_signature);
  EXPECT_EQ(without(";host"), Common::bad_signature);
}

TEST(SigV4, ABodyHashMustBeTheBodys) {
  Case c = unsigned_case();
  c.body = "anything";
  EXPECT_EQ(refused(c), std::nullopt);
  c.request.headers.set("X-Amz-Content-SHA256", sha256_hex("other"));
  EXPECT_EQ(refused(c), Common::bad_signature);
  // The permission to leave the body out must itself be signed.
  c = json_case();
  c.request.headers.set("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD");
  EXPECT_EQ(refused(c), Common::bad_signature);
}

TEST(SigV4, AllowsFiveMinutesOfSkewEachWay) {
  EXPECT_EQ(refused(json_case(), kSigned + seconds(299)), std::nullopt);
  EXPECT_EQ(refused(json_case(), kSigned - seconds(299)), std::nullopt);
  EXPECT_EQ(refused(json_case(), kSigned + seconds(301)), Common::request_expired);
  EXPECT_EQ(refused(json_case(), kSigned - seconds(301)), Common::request_expired);
  EXPECT_EQ(refused(presigned_case(), kSigned + seconds(59)), std::nullopt);
  EXPECT_EQ(refused(presigned_case(), kSigned + seconds(61)), Common::request_expired);
}

TEST(SigV4, NamesWhatIsIncomplete) {
  auto with = [](const std::string& auth) {
    Case c = json_case();
    c.request.headers.set("Authorization", auth);
    return refused(c);
  };
  EXPECT_EQ(with("Basic QVdTOng="), Common::incomplete_signature);
  EXPECT_EQ(with("AWS4-HMAC-SHA256"), Common::incomplete_signature);
  EXPECT_EQ(with("AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=x"),
            Common::incomplete_signature);
  EXPECT_EQ(with("AWS4-HMAC-SHA256 Credential=a/20260131/r/s/aws4_request, SignedHeaders=host"),
            Common::incomplete_signature);
  EXPECT_EQ(with("AWS4-HMAC-SHA256 Credential=a/20260131/r\"/s/aws4_request, SignedHeaders=host, "
                 "Signature=x"),
            Common::incomplete_signature);
  EXPECT_EQ(with("AWS4-ECDSA-P256-SHA256 Credential=a/20260131/r/s/aws4_request, "
                 "SignedHeaders=host, Signature=x"),
            Common::incomplete_signature);
  Case none = json_case();
  none.request.headers.remove("authorization");
  EXPECT_EQ(refused(none), Common::missing_authentication);
  Case undated = json_case();
  undated.request.headers.remove("x-amz-date");
  EXPECT_EQ(refused(undated), Common::incomplete_signature);
  Case odd_date = json_case();
  odd_date.request.headers.set("X-Amz-Date", "2026-01-31T12:00");
  EXPECT_EQ(refused(odd_date), Common::incomplete_signature);
  Case other_day = json_case();
  other_day.request.headers.set("X-Amz-Date", "20260130T120000Z");
  EXPECT_EQ(refused(other_day, kSigned - seconds(86'400)), Common::bad_signature);
}

TEST(SigV4, SignsAsItChecks) {
  Case c{request_of("POST", "/?x=1",
                    {{"Host", "h:1"}, {"Content-Type", "t"}, {"X-Amz-Target", "T.Op"}}),
         "body"};
  sign(c.request, c.body, "AK", kSecret, "token", "eu-west-1", "ecs", kSigned);
  EXPECT_EQ(refused(c), std::nullopt);
  EXPECT_EQ(read_claim(c.request).session_token, "token");
}

}  // namespace
}  // namespace slipway::aws

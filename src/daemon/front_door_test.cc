// The AWS front door with real clients: HTTP server, dispatcher, STS and IAM in this process,
// called by every `aws` that is installed. What a client makes of replies and errors is what counts
// here.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>

#include "aws/credentials.h"
#include "aws/dispatcher.h"
#include "aws/sigv4.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "codec/json.h"
#include "iam/api.h"
#include "net/http.h"
#include "sts/api.h"

namespace slipway {
namespace {

using ::testing::HasSubstr;

// Each `aws` of the machine once: Debian's (2.x) and the one that PATH finds first.
std::vector<std::string> installed_clis() {
  std::vector<std::string> out;
  auto add = [&](const std::string& path) {
    if (::access(path.c_str(), X_OK) == 0 && std::ranges::find(out, path) == out.end())
      out.push_back(path);
  };
  add("/usr/bin/aws");
  for (auto& folder : split(std::getenv("PATH") ? std::getenv("PATH") : "", ':')) {
    if (folder == "/bin" || folder.empty()) continue;
    add(folder + "/aws");
    if (out.size() == 2) break;
  }
  return out;
}

struct Result {
  int exit_code = -1;
  std::string out;  // standard output and error
};

Result run(const std::vector<std::string>& argv, const std::vector<std::string>& environment) {
  Pipe pipe = make_pipe();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  Finally free_actions([&] { posix_spawn_file_actions_destroy(&actions); });
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe.write.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, pipe.write.get(), 2);
  auto pointers = [](const std::vector<std::string>& texts) {
    std::vector<char*> p;
    for (auto& text : texts) p.push_back(const_cast<char*>(text.c_str()));
    p.push_back(nullptr);
    return p;
  };
  pid_t pid = 0;
  if (::posix_spawn(&pid, argv[0].c_str(), &actions, nullptr, pointers(argv).data(),
                    pointers(environment).data()) != 0)
    throw unavailable("cannot start {}", argv[0]);
  pipe.write.reset();
  Result result;
  std::array<char, 4096> buffer;
  while (size_t count = read_some(pipe.read.get(), buffer)) result.out.append(buffer.data(), count);
  int status = 0;
  ::waitpid(pid, &status, 0);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return result;
}

class FrontDoor : public ::testing::TestWithParam<std::string> {
 protected:
  FrontDoor()
      : store_(store::open_memory()),
        dispatcher_({.store = *store_, .clock = clock_}),
        server_([this](net::Exchange& exchange) { dispatcher_.handle(exchange); }) {
    dispatcher_.add(sts::service(sts_));
    dispatcher_.add(iam::service(iam_));
    store_->write(
        [&](store::Writer& db) { key_ = aws::ensure_root_key(db, "123456789012", clock_.now()); });
    port_ = server_.listen_tcp("127.0.0.1", 0);
  }
  ~FrontDoor() override { server_.stop(); }

  Result aws(const std::vector<std::string>& arguments) { return aws_as(key_, arguments); }
  Result aws_as(const aws::Credential& key, const std::vector<std::string>& arguments) {
    std::vector<std::string> argv{GetParam(), "--endpoint-url",
                                  fmt::format("http://127.0.0.1:{}", port_), "--output", "json"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    std::vector<std::string> environment{"AWS_ACCESS_KEY_ID=" + key.access_key_id,
                                         "AWS_SECRET_ACCESS_KEY=" + key.secret_access_key,
                                         "AWS_DEFAULT_REGION=eu-west-1",
                                         "AWS_MAX_ATTEMPTS=1",
                                         "AWS_PAGER=",
                                         "AWS_CONFIG_FILE=/dev/null",
                                         "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
                                         "AWS_EC2_METADATA_DISABLED=true",
                                         "LC_ALL=C.UTF-8"};
    if (!key.session_token.empty()) environment.push_back("AWS_SESSION_TOKEN=" + key.session_token);
    for (const char* kept : {"PATH", "HOME", "PYENV_ROOT"})
      if (const char* value = std::getenv(kept))
        environment.push_back(fmt::format("{}={}", kept, value));
    return run(argv, environment);
  }

  SystemClock clock_;
  std::unique_ptr<store::Store> store_;
  sts::Sts sts_;
  iam::Iam iam_;
  aws::Dispatcher dispatcher_;
  net::Server server_;
  aws::Credential key_;
  uint16_t port_ = 0;
};

TEST_P(FrontDoor, TellsTheCallerWhoItIs) {
  auto result = aws({"sts", "get-caller-identity"});
  ASSERT_EQ(result.exit_code, 0) << result.out;
  auto json = Json::parse(result.out);
  EXPECT_EQ(json["Account"], "123456789012");
  EXPECT_EQ(json["Arn"], "arn:aws:iam::123456789012:root");
}

TEST_P(FrontDoor, RefusesAWrongSecretAndAnUnknownKey) {
  aws::Credential wrong = key_;
  wrong.secret_access_key = "not the secret";
  auto result = aws_as(wrong, {"sts", "get-caller-identity"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("(SignatureDoesNotMatch)"));
  wrong = key_;
  wrong.access_key_id = "AKIANOBODYNOBODYNOBO";
  EXPECT_THAT(aws_as(wrong, {"ecs", "list-clusters"}).out,
              HasSubstr("(UnrecognizedClientException)"));
}

TEST_P(FrontDoor, ARoleCanBeMadeAndAssumed) {
  const std::string trust =
      R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}})";
  const std::string arn = "arn:aws:iam::123456789012:role/app";
  auto refused = aws({"sts", "assume-role", "--role-arn", arn, "--role-session-name", "one"});
  EXPECT_THAT(refused.out, HasSubstr("(AccessDenied)"));
  auto made = aws({"iam", "create-role", "--role-name", "app", "--assume-role-policy-document",
                   trust, "--tags", "Key=a,Value=b"});
  ASSERT_EQ(made.exit_code, 0) << made.out;
  // The CLI decodes the URL-encoded document.
  EXPECT_EQ(Json::parse(made.out)["Role"]["AssumeRolePolicyDocument"], Json::parse(trust));
  auto assumed = aws({"sts", "assume-role", "--role-arn", arn, "--role-session-name", "one"});
  ASSERT_EQ(assumed.exit_code, 0) << assumed.out;
  auto credentials = Json::parse(assumed.out)["Credentials"];
  aws::Credential session;
  session.access_key_id = credentials["AccessKeyId"];
  session.secret_access_key = credentials["SecretAccessKey"];
  session.session_token = credentials["SessionToken"];
  EXPECT_THAT(aws_as(session, {"sts", "get-caller-identity"}).out,
              HasSubstr("arn:aws:sts::123456789012:assumed-role/app/one"));
}

TEST_P(FrontDoor, SaysWhatIsNotThere) {
  EXPECT_THAT(aws({"ecs", "list-clusters"}).out, HasSubstr("(NotImplementedException)"));
  EXPECT_THAT(aws({"ec2", "describe-vpcs"}).out, HasSubstr("(NotImplemented)"));
  const auto missing = aws({"iam", "get-role", "--role-name", "nobody"}).out;
  EXPECT_THAT(missing, HasSubstr("(NoSuchEntity) when calling the GetRole operation"));
  EXPECT_THAT(missing, HasSubstr("The role with name nobody cannot be found."));
}

// Refused before it is read: the client must get the answer, not a broken connection.
TEST_P(FrontDoor, AHugeBodyGetsAnAnswer) {
  for (const bool known : {true, false}) {
    net::Request request;
    request.method = "POST";
    request.path = "/";
    request.headers = {{"Host", fmt::format("127.0.0.1:{}", port_)},
                       {"Content-Type", "application/x-amz-json-1.1"},
                       {"X-Amz-Target", "AmazonEC2ContainerServiceV20141113.ListClusters"}};
    const std::string body(12u << 20, ' ');
    aws::sign(request, body, known ? key_.access_key_id : "AKIANOBODY", key_.secret_access_key, "",
              "eu-west-1", "ecs", clock_.now());
    net::ClientRequest sent;
    sent.method = "POST";
    sent.url = fmt::format("http://127.0.0.1:{}/", port_);
    sent.headers = request.headers;
    sent.body = body;
    auto response = net::request(sent);
    EXPECT_EQ(response->status(), known ? 413 : 400);
    EXPECT_THAT(response->read_all(),
                HasSubstr(known ? "RequestEntityTooLarge" : "UnrecognizedClient"));
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FrontDoor);
INSTANTIATE_TEST_SUITE_P(Clis, FrontDoor, ::testing::ValuesIn(installed_clis()),
                         [](const auto& info) { return fmt::format("aws{}", info.index); });

TEST(FrontDoorNeeds, AnAwsCli) {
  if (installed_clis().empty())
    GTEST_SKIP() << "no aws CLI is installed: the front door was not "
                    "tried with a real client";
}

}  // namespace
}  // namespace slipway

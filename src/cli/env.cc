// slipway env and slipway aws: what other tools need to find Slipway.
#include <cstdlib>
#include <unistd.h>

#include "base/error.h"
#include "cli/client.h"
#include "cli/commands.h"

namespace slipway::cli {

// DOCKER_BUILDKIT=0: a docker CLI with the buildx plugin would speak BuildKit's own protocol, which
// this engine does not; the classic one gets the same builder.
int env(const daemon::Options& options) {
  const Environment e = environment(running(options));
  fmt::print(
      "export AWS_ACCESS_KEY_ID={}\nexport AWS_SECRET_ACCESS_KEY={}\nexport AWS_REGION={}\nexport "
      "AWS_DEFAULT_REGION={}\n"
      "export AWS_ENDPOINT_URL={}\nexport DOCKER_HOST={}\n"
      "export DOCKER_BUILDKIT=0\nunset AWS_SESSION_TOKEN AWS_PROFILE\n",
      e.access_key_id, e.secret_access_key, e.region, e.region, e.endpoint, e.docker_host);
  return 0;
}

int aws(const daemon::Options& options, const std::vector<std::string>& arguments) {
  const Environment e = environment(running(options));
  ::setenv("AWS_ACCESS_KEY_ID", e.access_key_id.c_str(), 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", e.secret_access_key.c_str(), 1);
  if (std::getenv("AWS_REGION") == nullptr) ::setenv("AWS_REGION", e.region.c_str(), 1);
  if (std::getenv("AWS_DEFAULT_REGION") == nullptr)
    ::setenv("AWS_DEFAULT_REGION", e.region.c_str(), 1);
  ::setenv("AWS_ENDPOINT_URL", e.endpoint.c_str(), 1);
  ::setenv("AWS_PAGER", "", 0);
  ::unsetenv("AWS_SESSION_TOKEN");
  ::unsetenv("AWS_PROFILE");
  // Versions before 2.13 know only the flag.
  std::vector<std::string> words = {"aws", "--endpoint-url", e.endpoint};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp("aws", argv.data());
  throw SystemError(errno, "start the aws CLI (install it with: apt-get install awscli)");
}

}  // namespace slipway::cli

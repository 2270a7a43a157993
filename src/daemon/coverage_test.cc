// Which AWS operations there are: counted, printed, and kept as a page for users.
#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "daemon/parts.h"

namespace slipway::daemon {
namespace {

std::string page_of(std::vector<aws::Coverage> services) {
  std::ranges::sort(services, {}, &aws::Coverage::service);
  std::string table, missing;
  for (const auto& c : services) {
    table += fmt::format("| {} | {} of {} | {} |\n", c.service, c.implemented.size(),
                         c.implemented.size() + c.missing.size(), join(c.implemented, ", "));
    if (!c.missing.empty()) missing += fmt::format("- {}: {}\n", c.service, join(c.missing, ", "));
  }
  return "# Operations of the AWS services\n\nWritten by the test "
         "`Coverage.ThePageForUsersSaysWhatThereIs` (`ACCEPT=1` writes it anew).\n\n"
         "| service | operations | which |\n| --- | --- | --- |\n" +
         table +
         "\nNot there; they answer the service's own error for an unknown or unimplemented "
         "operation:\n\n" +
         missing;
}

TEST(Coverage, ThePageForUsersSaysWhatThereIs) {
  const std::string directory = fmt::format("/tmp/slipway-coverage-{}", ::getpid());
  Finally clean([&] { std::filesystem::remove_all(directory); });
  Options options;
  options.data_dir = directory + "/data";
  options.run_dir = directory + "/run";
  Parts parts(options);
  for (const auto& c : parts.dispatcher.coverage())
    printf("[ COVERAGE ] %-5s %3zu of %3zu operations\n", c.service.c_str(), c.implemented.size(),
           c.implemented.size() + c.missing.size());
  const std::string page = page_of(parts.dispatcher.coverage());
  const std::string path = SLIPWAY_DOCS_DIR "/aws-operations.md";
  if (std::getenv("ACCEPT")) write_file(path, page);
  EXPECT_EQ(read_file_if_exists(path).value_or(""), page) << path << ": ACCEPT=1 writes it anew";
}

}  // namespace
}  // namespace slipway::daemon

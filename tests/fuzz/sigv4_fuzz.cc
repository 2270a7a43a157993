// Authorization headers and presigned queries. The first line is the header, the second the query
// string, the third the date header.
#include <cstddef>
#include <cstdint>

#include "aws/sigv4.h"
#include "base/strings.h"

namespace aws = slipway::aws;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto lines = slipway::split({reinterpret_cast<const char*>(data), size}, '\n');
  lines.resize(3);
  slipway::net::Request request;
  request.method = "POST";
  request.path = "/";
  request.query = lines[1];
  request.headers = {{"Host", "127.0.0.1:4566"}, {"X-Amz-Date", lines[2]}};
  if (!lines[0].empty()) request.headers.add("Authorization", lines[0]);
  try {
    auto claim = aws::read_claim(request);
    aws::check_time(claim, slipway::TimePoint(slipway::seconds(1'769'860'800)));
    aws::check_signature(claim, request, std::string(64, '0'), "secret");
  } catch (const aws::AuthError&) {
  }
  return 0;
}

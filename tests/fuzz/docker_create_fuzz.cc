// Bodies of POST /containers/create and registry headers: an Error or a result.
#include "base/error.h"
#include "docker/auth.h"
#include "docker/create_spec.h"
#include "docker/routes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto body = slipway::parse_json(text);
    if (body.is_object()) slipway::docker::translate_create(body);
  } catch (const slipway::Error&) {
  }
  try {
    slipway::docker::parse_config_header(text);
  } catch (const slipway::Error&) {
  }
  try {
    slipway::docker::find_route("GET", slipway::docker::split_version(text).second);
  } catch (const slipway::Error&) {
  }
  return 0;
}

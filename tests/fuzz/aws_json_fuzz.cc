// JSON bodies, read into the deepest shape of ECS, validated, written and read again: what was read
// must come back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "aws/codec.h"
#include "aws/gen/ecs.h"

namespace aws = slipway::aws;
using Shape = aws::ecs::RegisterTaskDefinitionRequest;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Shape in, again;
  try {
    aws::read_json({reinterpret_cast<const char*>(data), size}, Shape::shape_info(), &in);
  } catch (const aws::ServiceError&) {
    return 0;
  }
  aws::read_json(aws::write_json(Shape::shape_info(), &in), Shape::shape_info(), &again);
  if (!(in == again)) std::abort();
  try {
    aws::validate(aws::ecs::service_model(), Shape::shape_info(), &in);
  } catch (const aws::ServiceError&) {
  }
  return 0;
}

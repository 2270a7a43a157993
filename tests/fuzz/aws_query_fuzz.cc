// Form bodies of the Query protocols, read into the shapes of a service with lists in structures in
// lists, validated and written back.
#include <cstddef>
#include <cstdint>

#include "aws/codec.h"
#include "aws/gen/ec2.h"
#include "aws/gen/elb.h"
#include "base/error.h"

namespace aws = slipway::aws;

template <typename Shape>
static void round_trip(const aws::ServiceModel& model, const slipway::Pairs& form) {
  try {
    Shape in;
    aws::read_query(model, form, Shape::shape_info(), &in);
    (void)aws::write_xml(model, Shape::shape_info(), &in);
    aws::validate(model, Shape::shape_info(), &in);
  } catch (const aws::ServiceError&) {
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  slipway::Pairs form;
  try {
    form = slipway::parse_query({reinterpret_cast<const char*>(data), size});
  } catch (const slipway::Error&) {
    return 0;
  }
  round_trip<aws::elb::CreateRuleInput>(aws::elb::service_model(), form);
  round_trip<aws::ec2::AuthorizeSecurityGroupIngressRequest>(aws::ec2::service_model(), form);
  return 0;
}

// The errors that every AWS service answers, by meaning, in each protocol's own code and form.
#pragma once
#include <string>
#include <string_view>

#include "aws/operation.h"
#include "aws/shape.h"
#include "base/error.h"

namespace slipway::aws {

enum class Common {
  missing_authentication,
  incomplete_signature,
  unknown_credentials,
  bad_signature,
  request_expired,  // too old, or its presigned time is over
  token_expired,    // the session's time is over
  unknown_operation,
  not_implemented,
  too_large,
  internal,
};

ServiceError common_error(Protocol protocol, Common meaning, const std::string& message);

// The code with which a service refuses input: "InvalidParameterException", "ValidationError", ...
std::string validation_code(const ServiceModel& model);

// An Error that left a handler, as the service would say it. Internal ones lose their text.
ServiceError from_error(const ServiceModel& model, const Error& error);

struct Reply {
  int status = 200;
  std::string content_type;
  std::string body;
};

Reply encode_error(Protocol protocol, std::string_view xml_namespace, const ServiceError& error,
                   const std::string& request_id);
// value: an output structure of the operation.
Reply encode_reply(const ServiceModel& model, const OperationModel& operation, const void* value,
                   const std::string& request_id);

}  // namespace slipway::aws

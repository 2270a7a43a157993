// Replies and errors in the form of each protocol.
#include "aws/errors.h"

#include "aws/codec.h"
#include "codec/xml.h"

namespace slipway::aws {
namespace {

struct Code {
  const char* code;
  int status;
};

Code json_code(Common meaning) {
  switch (meaning) {
    case Common::missing_authentication:
      return {"MissingAuthenticationTokenException", 400};
    case Common::incomplete_signature:
      return {"IncompleteSignatureException", 400};
    case Common::unknown_credentials:
      return {"UnrecognizedClientException", 400};
    case Common::bad_signature:
    case Common::request_expired:
      return {"InvalidSignatureException", 400};
    case Common::token_expired:
      return {"ExpiredTokenException", 400};
    case Common::unknown_operation:
      return {"UnknownOperationException", 400};
    case Common::not_implemented:
      return {"NotImplementedException", 501};
    case Common::too_large:
      return {"RequestEntityTooLargeException", 413};
    case Common::internal:
      break;
  }
  return {"ServerException", 500};
}

Code query_code(Common meaning) {
  switch (meaning) {
    case Common::missing_authentication:
      return {"MissingAuthenticationToken", 403};
    case Common::incomplete_signature:
      return {"IncompleteSignature", 400};
    case Common::unknown_credentials:
      return {"InvalidClientTokenId", 403};
    case Common::bad_signature:
    case Common::request_expired:
      return {"SignatureDoesNotMatch", 403};
    case Common::token_expired:
      return {"ExpiredToken", 403};
    case Common::unknown_operation:
      return {"InvalidAction", 400};
    case Common::not_implemented:
      return {"NotImplemented", 501};
    case Common::too_large:
      return {"RequestEntityTooLarge", 413};
    case Common::internal:
      break;
  }
  return {"InternalFailure", 500};
}

Code ec2_code(Common meaning) {
  switch (meaning) {
    case Common::missing_authentication:
    case Common::unknown_credentials:
    case Common::bad_signature:
      return {"AuthFailure", 401};
    case Common::request_expired:
    case Common::token_expired:
      return {"RequestExpired", 400};
    case Common::internal:
      return {"InternalError", 500};
    default:
      return query_code(meaning);
  }
}

Code kind_code(Kind kind, Protocol protocol) {
  const bool json = protocol == Protocol::json;
  switch (kind) {
    case Kind::not_found:
      return {json ? "ResourceNotFoundException" : "ResourceNotFound", 400};
    case Kind::conflict:
    case Kind::not_modified:
      return {json ? "ConflictException" : "Conflict", 400};
    case Kind::unauthorized:
    case Kind::forbidden:
      return {json ? "AccessDeniedException" : "AccessDenied", json ? 400 : 403};
    case Kind::too_large:
      return {json ? "RequestEntityTooLargeException" : "RequestEntityTooLarge", 413};
    default:
      return {json ? "ServiceUnavailableException" : "ServiceUnavailable", 503};
  }
}

std::string query_error(std::string_view xml_namespace, const ServiceError& error,
                        const std::string& request_id) {
  return fmt::format(
      "<ErrorResponse xmlns=\"{}\"><Error><Type>{}</Type><Code>{}</Code><Message>{}</Message>"
      "</Error><RequestId>{}</RequestId></ErrorResponse>",
      xml_escape(xml_namespace), error.http_status() < 500 ? "Sender" : "Receiver",
      xml_escape(error.code()), xml_escape(error.what()), request_id);
}

std::string ec2_error(const ServiceError& error, const std::string& request_id) {
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{}</Code>"
      "<Message>{}</Message></Error></Errors><RequestID>{}</RequestID></Response>",
      xml_escape(error.code()), xml_escape(error.what()), request_id);
}

// members() is the text of an object; it follows __type and message.
std::string json_error(const ServiceError& error) {
  std::string out = fmt::format("{{\"__type\":{},\"message\":{}", json_string(error.code()),
                                json_string(error.what()));
  const std::string& members = error.members();
  if (members.size() > 2 && members.front() == '{') return out + "," + members.substr(1);
  return out + "}";
}

}  // namespace

ServiceError common_error(Protocol protocol, Common meaning, const std::string& message) {
  const Code code = protocol == Protocol::json    ? json_code(meaning)
                    : protocol == Protocol::query ? query_code(meaning)
                                                  : ec2_code(meaning);
  if (std::string_view(code.code) == "AuthFailure")
    return {code.code, code.status, "AWS was not able to validate the provided access credentials"};
  return {code.code, code.status, message};
}

std::string validation_code(const ServiceModel& model) {
  switch (model.protocol) {
    case Protocol::json:
      for (std::string_view name : {"ecs", "ecr", "logs"})
        if (model.name == name) return "InvalidParameterException";
      return "ValidationException";
    case Protocol::query:
      return "ValidationError";
    case Protocol::ec2:
      return "InvalidParameterValue";
  }
  return "ValidationError";
}

ServiceError from_error(const ServiceModel& model, const Error& error) {
  switch (error.kind()) {
    case Kind::internal:
      return common_error(model.protocol, Common::internal,
                          "The request failed for an internal reason; see the daemon's log.");
    case Kind::unimplemented:
      return common_error(model.protocol, Common::not_implemented, error.what());
    case Kind::invalid_argument:
      return {validation_code(model), 400, error.what()};
    default: {
      const Code code = kind_code(error.kind(), model.protocol);
      return {code.code, code.status, error.what()};
    }
  }
}

Reply encode_error(Protocol protocol, std::string_view xml_namespace, const ServiceError& error,
                   const std::string& request_id) {
  switch (protocol) {
    case Protocol::json:
      return {error.http_status(), "application/x-amz-json-1.1", json_error(error)};
    case Protocol::query:
      return {error.http_status(), "text/xml", query_error(xml_namespace, error, request_id)};
    case Protocol::ec2:
      break;
  }
  return {error.http_status(), "text/xml;charset=UTF-8", ec2_error(error, request_id)};
}

Reply encode_reply(const ServiceModel& model, const OperationModel& operation, const void* value,
                   const std::string& request_id) {
  const Structure& output = *operation.output;
  switch (model.protocol) {
    case Protocol::json:
      return {200, "application/x-amz-json-1.1", write_json(output, value)};
    case Protocol::query: {
      // The result element is there even when it is empty: clients insist on it.
      const std::string members = write_xml(model, output, value);
      const std::string result =
          operation.result_wrapper.empty()
              ? members
              : fmt::format("<{0}>{1}</{0}>", operation.result_wrapper, members);
      return {200, "text/xml",
              fmt::format("<{0}Response xmlns=\"{1}\">{2}<ResponseMetadata><RequestId>{3}"
                          "</RequestId></ResponseMetadata></{0}Response>",
                          operation.name, model.xml_namespace, result, request_id)};
    }
    case Protocol::ec2:
      break;
  }
  return {200, "text/xml;charset=UTF-8",
          fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{0}Response xmlns=\"{1}\">"
                      "<requestId>{3}</requestId>{2}</{0}Response>",
                      operation.name, model.xml_namespace, write_xml(model, output, value),
                      request_id)};
}

}  // namespace slipway::aws

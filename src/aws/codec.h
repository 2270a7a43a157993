// From bytes to shapes and back, one reader and one writer per AWS protocol, all walking the tables
// of aws/shape.h. Readers check types only; what the model demands beyond that (required members,
// lengths, ranges, enums, patterns) is validate()'s. Unknown members are ignored everywhere.
#pragma once
#include <string>
#include <string_view>

#include "aws/operation.h"
#include "aws/shape.h"
#include "codec/form.h"

namespace slipway::aws {

// JSON 1.1. An empty body is an empty object. Throws ServiceError(SerializationException).
void read_json(std::string_view body, const Structure& structure, void* out);
// Times as epoch seconds, blobs base64, absent members left out.
std::string write_json(const Structure& structure, const void* value);
// Text as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view text);

// Query ("Tags.member.1.Key=") and EC2 Query ("Filter.1.Value.1="), by the model's protocol. Throws
// ServiceError (ValidationError, InvalidParameterValue).
void read_query(const ServiceModel& model, const Pairs& form, const Structure& structure,
                void* out);
// The members of a structure as XML elements, without an element around them.
std::string write_xml(const ServiceModel& model, const Structure& structure, const void* value);

// Throws the service's validation error, in AWS's words, naming every violation (at most ten).
void validate(const ServiceModel& model, const Structure& structure, const void* value);

bool valid_utf8(std::string_view text);
size_t utf8_length(std::string_view text);  // code points

}  // namespace slipway::aws

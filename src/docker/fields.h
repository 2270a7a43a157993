// Typed reading of request bodies: absent and null mean the default, a wrong type is the caller's
// error and names the field.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "codec/json.h"

namespace slipway::docker {

// The member, or a null when absent.
const Json& member(const Json& object, const char* name);
std::string text_field(const Json& object, const char* name);
bool flag_field(const Json& object, const char* name);
int64_t number_field(const Json& object, const char* name);
uint64_t size_field(const Json& object, const char* name);  // not negative
// ["a", "b"]; a plain string counts as one.
std::vector<std::string> list_field(const Json& object, const char* name);
std::map<std::string, std::string> map_field(const Json& object, const char* name);
// The object, or an empty one. Throws when it is something else.
const Json& object_field(const Json& object, const char* name);
// True for null, false, 0, "", [] and {}.
bool is_default(const Json& value);

}  // namespace slipway::docker

// What cgroups.cc and cgroup_usage.cc share.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace slipway::linux::cgroup_files {

// Without outer slashes; throws Error(invalid_argument) for "..", "." and empty parts.
std::string checked(std::string_view path);
void write_setting(const std::string& dir, const char* file, const std::string& value);
void write_setting_if_there(const std::string& dir, const char* file, const std::string& value);
// A group may vanish while it is read: then the answer is "nothing".
std::string read_quietly(const std::string& path);
uint64_t number_in(const std::string& path);                       // "max" counts as no limit: 0
uint64_t field_in(const std::string& text, std::string_view key);  // "key value" lines
uint64_t weight_of_shares(uint64_t shares);                        // version 1's to version 2's

}  // namespace slipway::linux::cgroup_files

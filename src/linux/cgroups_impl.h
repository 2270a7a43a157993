// What cgroups.cc and cgroup_usage.cc share.
#pragma once
#include <string>
#include <string_view>

namespace slipway::linux::cgroup_files {

// Without outer slashes; throws Error(invalid_argument) for "..", "." and empty parts.
std::string checked(std::string_view path);
void write_setting(const std::string& dir, const char* file, const std::string& value);
void write_setting_if_there(const std::string& dir, const char* file, const std::string& value);

}  // namespace slipway::linux::cgroup_files

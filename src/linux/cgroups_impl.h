// What the files of Cgroups share.
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
uint64_t io_weight_of_blkio(uint64_t weight);                      // the same for 10..1000
// Version 2: makes the group and its parents; each passes its controllers on to the next. Where one
// refuses (it was not given the controller), its children go without: limits are best effort.
void pass_controllers_on(const std::string& root, const std::string& path);

}  // namespace slipway::linux::cgroup_files

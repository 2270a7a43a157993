// Whole-file helpers. Paths are trusted here: for paths from outside see linux/rooted.h.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace slipway {

std::string read_file(const std::string& path);
// nullopt when the file does not exist; other failures throw.
std::optional<std::string> read_file_if_exists(const std::string& path);
// Replaces atomically: temporary file in the same folder, fsync when durable, rename.
void write_file(const std::string& path, std::string_view text, unsigned mode = 0644,
                bool durable = false);
void make_directories(const std::string& path, unsigned mode = 0755);
// Removes a tree without following symlinks; absent is fine.
void remove_tree(const std::string& path);
bool exists(const std::string& path);
// fsync of a directory, so that a rename in it is durable.
void sync_directory(const std::string& path);

}  // namespace slipway

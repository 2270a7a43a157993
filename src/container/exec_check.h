// Whether the kernel is going to refuse a program: a script whose interpreter is missing, a binary
// whose loader is missing or that is for another machine, text without "#!". A runtime learns that
// only when the container has begun, and what it says then is its own; runc says what Docker says.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "linux/rooted.h"

namespace slipway::container {

// command: the first word, looked up in the PATH of env (working_dir: where it has a slash but does
// not begin with one). False when it is not found below root, or nothing speaks against it.
bool exec_would_fail(const linux::Root& root, std::string_view command,
                     const std::vector<std::string>& env, std::string_view working_dir);

}  // namespace slipway::container

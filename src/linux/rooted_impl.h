// What rooted.cc and rooted_remove.cc share.
#pragma once
#include <string>
#include <vector>

#include "base/fd.h"

namespace slipway::linux::rooted {

// Names in a directory, sorted, without "." and "..". Takes the descriptor over.
std::vector<std::string> names_in(Fd directory);
// Removes a file or a tree on one file system; absent is fine.
void remove_tree_at(int parent, const std::string& name);

}  // namespace slipway::linux::rooted

// A persistent (immutable, path-copying) AVL tree of rows in key order. A copy is one pointer, so a
// reader's snapshot and a writer's private view of a table cost nothing. Not a general container.
#pragma once
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace slipway::store {

struct Node;
using Tree = std::shared_ptr<const Node>;  // null: empty

struct Node {
  std::shared_ptr<const Row> row;
  Tree left, right;
  int height = 1;
};

const Row* tree_find(const Tree& tree, std::string_view key);
// Adds the row, or replaces the one with its key.
Tree tree_insert(const Tree& tree, std::shared_ptr<const Row> row);
// The same tree when the key is absent.
Tree tree_erase(const Tree& tree, std::string_view key);
// Rows must be in ascending key order, without duplicates.
Tree tree_build(const std::vector<std::shared_ptr<const Row>>& rows);
// Calls visit for keys >= from (> from when exclusive) in order, until it returns false.
void tree_visit(const Tree& tree, std::string_view from, bool exclusive,
                const std::function<bool(const Row&)>& visit);

}  // namespace slipway::store

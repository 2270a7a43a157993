// The persistent AVL tree: every change copies the path to the root and shares the rest.
#include "store/tree.h"

namespace slipway::store {

namespace {

int height(const Tree& tree) {
  return tree ? tree->height : 0;
}

Tree make(std::shared_ptr<const Row> row, Tree left, Tree right) {
  auto node = std::make_shared<Node>();
  node->height = 1 + std::max(height(left), height(right));
  node->row = std::move(row);
  node->left = std::move(left);
  node->right = std::move(right);
  return node;
}

// As make, for subtrees whose heights differ by at most two.
Tree balanced(std::shared_ptr<const Row> row, const Tree& left, const Tree& right) {
  if (height(left) > height(right) + 1) {
    if (height(left->left) >= height(left->right))
      return make(left->row, left->left, make(std::move(row), left->right, right));
    const Tree& middle = left->right;
    return make(middle->row, make(left->row, left->left, middle->left),
                make(std::move(row), middle->right, right));
  }
  if (height(right) > height(left) + 1) {
    if (height(right->right) >= height(right->left))
      return make(right->row, make(std::move(row), left, right->left), right->right);
    const Tree& middle = right->left;
    return make(middle->row, make(std::move(row), left, middle->left),
                make(right->row, middle->right, right->right));
  }
  return make(std::move(row), left, right);
}

Tree without_first(const Tree& tree) {
  if (!tree->left) return tree->right;
  return balanced(tree->row, without_first(tree->left), tree->right);
}

Tree build(const std::vector<std::shared_ptr<const Row>>& rows, size_t begin, size_t end) {
  if (begin == end) return nullptr;
  const size_t middle = begin + (end - begin) / 2;
  return make(rows[middle], build(rows, begin, middle), build(rows, middle + 1, end));
}

bool visit_from(const Node* node, std::string_view from, bool exclusive,
                const std::function<bool(const Row&)>& visit) {
  if (!node) return true;
  const int order = std::string_view(node->row->key).compare(from);
  const bool inside = exclusive ? order > 0 : order >= 0;
  if (inside) {
    if (!visit_from(node->left.get(), from, exclusive, visit)) return false;
    if (!visit(*node->row)) return false;
  }
  return visit_from(node->right.get(), from, exclusive, visit);
}

}  // namespace

const Row* tree_find(const Tree& tree, std::string_view key) {
  const Node* node = tree.get();
  while (node) {
    const int order = key.compare(node->row->key);
    if (order == 0) return node->row.get();
    node = order < 0 ? node->left.get() : node->right.get();
  }
  return nullptr;
}

Tree tree_insert(const Tree& tree, std::shared_ptr<const Row> row) {
  if (!tree) return make(std::move(row), nullptr, nullptr);
  const int order = row->key.compare(tree->row->key);
  if (order == 0) return make(std::move(row), tree->left, tree->right);
  if (order < 0) return balanced(tree->row, tree_insert(tree->left, std::move(row)), tree->right);
  return balanced(tree->row, tree->left, tree_insert(tree->right, std::move(row)));
}

Tree tree_erase(const Tree& tree, std::string_view key) {
  if (!tree) return nullptr;
  const int order = key.compare(tree->row->key);
  if (order < 0) return balanced(tree->row, tree_erase(tree->left, key), tree->right);
  if (order > 0) return balanced(tree->row, tree->left, tree_erase(tree->right, key));
  if (!tree->left) return tree->right;
  if (!tree->right) return tree->left;
  const Node* next = tree->right.get();
  while (next->left) next = next->left.get();
  return balanced(next->row, tree->left, without_first(tree->right));
}

Tree tree_build(const std::vector<std::shared_ptr<const Row>>& rows) {
  return build(rows, 0, rows.size());
}

void tree_visit(const Tree& tree, std::string_view from, bool exclusive,
                const std::function<bool(const Row&)>& visit) {
  visit_from(tree.get(), from, exclusive, visit);
}

}  // namespace slipway::store

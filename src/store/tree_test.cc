#include "store/tree.h"

#include <gtest/gtest.h>
#include <random>

namespace slipway::store {
namespace {

std::shared_ptr<const Row> row(int key) {
  auto made = std::make_shared<Row>();
  made->key = fmt::format("{:04}", key);
  return made;
}

std::vector<std::string> keys(const Tree& tree, std::string_view from = {},
                              bool exclusive = false) {
  std::vector<std::string> out;
  tree_visit(tree, from, exclusive, [&](const Row& r) {
    out.push_back(r.key);
    return true;
  });
  return out;
}

int checked_height(const Tree& tree) {
  if (!tree) return 0;
  const int left = checked_height(tree->left);
  const int right = checked_height(tree->right);
  EXPECT_LE(std::abs(left - right), 1);
  EXPECT_EQ(tree->height, 1 + std::max(left, right));
  return tree->height;
}

TEST(Tree, AgreesWithAMapAndStaysBalancedUnderRandomChanges) {
  std::mt19937 random(7);
  std::set<std::string> model;
  Tree tree;
  for (int i = 0; i < 3000; ++i) {
    const auto made = row(static_cast<int>(random() % 400));
    if (random() % 3 == 0) {
      tree = tree_erase(tree, made->key);
      model.erase(made->key);
    } else {
      tree = tree_insert(tree, made);
      model.insert(made->key);
    }
    if (i % 100 == 0) checked_height(tree);
  }
  EXPECT_EQ(keys(tree), std::vector<std::string>(model.begin(), model.end()));
  checked_height(tree);
}

TEST(Tree, AnOldCopyDoesNotSeeLaterChanges) {
  const Tree old = tree_build({row(1), row(2), row(3)});
  const Tree next = tree_erase(tree_insert(old, row(4)), "0002");
  EXPECT_EQ(keys(old), (std::vector<std::string>{"0001", "0002", "0003"}));
  EXPECT_EQ(keys(next), (std::vector<std::string>{"0001", "0003", "0004"}));
}

TEST(Tree, VisitsFromABound) {
  const Tree tree = tree_build({row(1), row(2), row(3)});
  EXPECT_EQ(keys(tree, "0002"), (std::vector<std::string>{"0002", "0003"}));
  EXPECT_EQ(keys(tree, "0002", true), (std::vector<std::string>{"0003"}));
  EXPECT_TRUE(keys(tree, "1").empty());
}

}  // namespace
}  // namespace slipway::store

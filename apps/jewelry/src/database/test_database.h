// The databases that tests run on: SQLite always, PostgreSQL when JEWELRY_TEST_POSTGRES gives the
// URL of an empty database.
#pragma once
#include <cstdlib>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/ids.h"
#include "database/database.h"

namespace jewelry {

class DatabaseTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    slipway::make_directories(folder_);
    if (GetParam() == "Sqlite") {
      url_ = "sqlite://" + folder_ + "/shop.db";
    } else if (const char* url = std::getenv("JEWELRY_TEST_POSTGRES")) {
      url_ = url;
      open_database(url_)->write([](Session& db) {
        db.run("DROP SCHEMA public CASCADE");
        db.run("CREATE SCHEMA public");
      });
    } else {
      GTEST_SKIP() << "JEWELRY_TEST_POSTGRES is not set";
    }
  }
  void TearDown() override { slipway::remove_tree(folder_); }
  std::unique_ptr<Database> open() {
    auto database = open_database(url_);
    prepare(*database);
    return database;
  }
  std::string folder_ = fmt::format("{}/jewelry-{}", ::testing::TempDir(), slipway::random_hex(8));
  std::string url_;
};

#define JEWELRY_ON_ALL_DATABASES(suite)                                        \
  INSTANTIATE_TEST_SUITE_P(On, suite, ::testing::Values("Sqlite", "Postgres"), \
                           [](const auto& info) { return info.param; })

}  // namespace jewelry

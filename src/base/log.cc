#include "base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace slipway::log {

namespace {
spdlog::level::level_enum native(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::logger& logger() {
  static auto instance = spdlog::stderr_color_mt("slipway");
  return *instance;
}
}  // namespace

void set_up(Level level, const std::string& path) {
  if (!path.empty()) {
    logger().sinks() = {std::make_shared<spdlog::sinks::basic_file_sink_mt>(path)};
  }
  logger().set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %^%l%$ %v", spdlog::pattern_time_type::utc);
  logger().set_level(native(level));
  logger().flush_on(spdlog::level::info);
}

void write(Level level, std::string_view component, std::string_view message) {
  logger().log(native(level), "{}: {}", component, message);
}

}  // namespace slipway::log

// The daemon's log: one line per event to stderr (or a file), level, time, component. Never pass a
// secret. 4xx-like events are debug or warning, our own failures are error.
#pragma once
#include <fmt/format.h>
#include <string>
#include <string_view>

namespace slipway::log {

enum class Level { debug, info, warning, error };
// path empty: stderr. Call once at start.
void set_up(Level level, const std::string& path = {});
void write(Level level, std::string_view component, std::string_view message);

#define SLIPWAY_LOG_LEVEL(name, level)                                                        \
  template <typename... Args>                                                                 \
  void name(std::string_view component, fmt::format_string<Args...> format, Args&&... args) { \
    write(level, component, fmt::format(format, std::forward<Args>(args)...));                \
  }
// log::info("agent", "task {} started", id);
SLIPWAY_LOG_LEVEL(debug, Level::debug)
SLIPWAY_LOG_LEVEL(info, Level::info)
SLIPWAY_LOG_LEVEL(warning, Level::warning)
SLIPWAY_LOG_LEVEL(error, Level::error)
#undef SLIPWAY_LOG_LEVEL

}  // namespace slipway::log

// Attach and logs: what a container writes, framed for the client.
#include "base/error.h"
#include "base/strings.h"
#include "codec/form.h"
#include "docker/container_json.h"
#include "docker/framing.h"
#include "docker/handlers.h"
#include "docker/times.h"

namespace slipway::docker {
namespace {

bool wants(const Call& call, int stream) {
  return call.flag(stream == 2 ? "stderr" : "stdout");
}

// What was written before the attach, when logs=1 asks for it.
void send_past_logs(const Call& call, const container::Info& info, LateStream& stream) {
  container::LogOptions options;
  options.out = wants(call, 1);
  options.err = wants(call, 2);
  call.deps.engine.logs(info.id, options, call.exchange.stop(), [&](const auto& line) {
    stream.send(line.stream, line.text);
    return true;
  });
}

int64_t tail_of(const std::string& text) {
  if (text.empty() || text == "all") return -1;
  const auto lines = parse_int(text);
  return lines && *lines >= 0 ? *lines : -1;
}

container::LogOptions log_options(const Call& call) {
  container::LogOptions out;
  out.out = wants(call, 1);
  out.err = wants(call, 2);
  if (!out.out && !out.err) {
    throw invalid_argument("Bad parameters: you must choose at least one stream");
  }
  out.follow = call.flag("follow");
  out.tail = tail_of(call.text("tail"));
  out.since = parse_unix_time(call.text("since"));
  out.until = parse_unix_time(call.text("until"));
  const auto unset = [](std::optional<TimePoint>& time) {
    if (time && time->time_since_epoch().count() == 0) time.reset();
  };
  unset(out.since);
  unset(out.until);
  return out;
}

// docker logs --details: the labels and variables that the log options labels and env name, as
// "env=x,label=y ", before each line.
std::string details_of(const container::Info& info) {
  const auto& options = info.spec.host.log_options;
  std::map<std::string, std::string> found;
  const auto names = [&](const char* option) {
    const auto it = options.find(option);
    return it == options.end() ? std::vector<std::string>() : split(it->second, ',');
  };
  for (const auto& name : names("labels"))
    if (const auto it = info.spec.labels.find(name); it != info.spec.labels.end())
      found[name] = it->second;
  for (const auto& name : names("env"))
    for (const auto& variable : info.spec.env)
      if (variable.starts_with(name + "=")) found[name] = variable.substr(name.size() + 1);
  std::string out;
  for (const auto& [name, value] : found)
    out += (out.empty() ? "" : ",") + percent_encode(name) + "=" + percent_encode(value);
  return out + " ";
}

}  // namespace

void attach_container(Call& call) {
  const auto info = docker_container(call.deps, call.var("id"));
  if (info.state.status == container::Status::paused) {
    throw conflict("container {} is paused, unpause the container before attach", info.id);
  }
  const auto detach_keys = parse_detach_keys(call.text("detachKeys"));
  LateStream stream(info.spec.tty);
  if (call.flag("logs")) send_past_logs(call, info, stream);
  const auto& stop = call.exchange.stop();
  if (call.flag("stream")) {
    const bool with_input = call.flag("stdin") && info.spec.open_stdin;
    container::Streams streams;
    streams.output = [&](int from, std::string_view bytes) {
      if (wants(call, from)) stream.send(from, bytes);
    };
    if (with_input) streams.input = &stream;
    if (with_input && info.spec.tty) streams.detach_keys = detach_keys;
    // Clients start the container as soon as they see our 101: it goes out when no output can be
    // missed any more.
    try {
      call.deps.engine.attach(info.id, streams, with_input, stop, [&] { stream.open(call); });
    } catch (const Error& e) {
      if (!stream.is_open()) throw;
      if (e.kind() != Kind::cancelled) stream.send(2, std::string(e.what()) + "\n");
    }
  }
  if (!stream.is_open()) stream.open(call);
  stream.end(stop);
}

void container_logs(Call& call) {
  const auto info = docker_container(call.deps, call.var("id"));
  const auto options = log_options(call);
  const bool timestamps = call.flag("timestamps");
  if (info.spec.log_driver == "none") {
    throw unimplemented("configured logging driver does not support reading");
  }
  const auto details = call.flag("details") ? details_of(info) : std::string();
  const bool raw = info.spec.tty;
  call.exchange.begin(
      200, call.headers(raw || call.minor < 42 ? "application/vnd.docker.raw-stream"
                                               : "application/vnd.docker.multiplexed-stream"));
  call.deps.engine.logs(info.id, options, call.exchange.stop(), [&](const auto& line) {
    const auto text =
        (timestamps ? time_text(line.time) + " " : std::string()) + details + line.text;
    call.exchange.write(raw ? text : frame(line.stream, text));
    return !call.exchange.stop().requested();
  });
  call.exchange.finish();
}

}  // namespace slipway::docker

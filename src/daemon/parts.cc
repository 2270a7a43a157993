#include "daemon/parts.h"

#include <cstdlib>

#include "base/files.h"
#include "base/ids.h"
#include "codec/json.h"
#include "ec2/network.h"

namespace slipway::daemon {

namespace {

std::string ready(const std::string& dir, unsigned mode = 0700) {
  make_directories(dir, mode);
  return dir;
}

// Keys that the operator gives once, by environment (never by argv).
std::optional<aws::GivenKey> given_key() {
  const char* id = std::getenv("SLIPWAY_ACCESS_KEY_ID");
  const char* secret = std::getenv("SLIPWAY_SECRET_ACCESS_KEY");
  if (id == nullptr || secret == nullptr) return std::nullopt;
  return aws::GivenKey{id, secret};
}

std::string node_id(store::Store& store) {
  std::string id;
  store.write([&](store::Writer& db) {
    if (const auto row = db.get("daemon", "node_id")) {
      id = Json::parse(*row->value).get<std::string>();
    } else {
      id = random_uuid();
      db.put("daemon", "node_id", Json(id).dump());
    }
  });
  return id;
}

aws::Credential root_key_of(store::Store& store, const Options& options, TimePoint now) {
  aws::Credential key;
  store.write([&](store::Writer& db) {
    key = aws::ensure_root_key(db, options.account, now, given_key());
    ec2::ensure_default_vpc(db, options.account, options.region);
  });
  return key;
}

}  // namespace

Parts::Parts(const Options& o)
    : options(o),
      store(store::open_sqlite(ready(o.data_dir) + "/slipway.db")),
      root_key(root_key_of(*store, o, clock.now())),
      content(ready(o.data_dir + "/content")),
      images(ready(o.data_dir + "/images"), *store, content),
      tokens(*store, clock),
      uploads(ready(o.data_dir + "/uploads"), content, clock),
      docker_client(registry::make_client(client_deps())),
      trusted_client(registry::make_client(client_deps(), {.trusted = true})),
      engine({ready(o.data_dir + "/containers"), ready(o.run_dir, 0755)}, *store, images, clock),
      builder({ready(o.data_dir + "/build"), engine, images, content, *trusted_client, *store,
               clock, o.build_cache_bytes}),
      registry({*store, content, uploads, tokens, clock, {o.account, o.region}}),
      docker({engine, images, *docker_client, &builder, *store, clock, version, o.data_dir,
              node_id(*store)}),
      logs(o.data_dir + "/logs.db", *store, clock),
      agent({ready(o.data_dir + "/tasks"), o.run_dir}, *store, engine, images, *trusted_client,
            clock, agent_hooks()),
      ecr{content, uploads, tokens},
      elb_loop({*store, clock, o.run_dir}),
      dispatcher({*store, clock, o.account, o.region, o.data_dir + "/audit.log"}) {
  dispatcher.add(sts::service(sts));
  dispatcher.add(iam::service(iam));
  dispatcher.add(ec2::service(ec2));
  dispatcher.add(logs::service(logs));
  dispatcher.add(ecr::service(ecr));
  dispatcher.add(elb::service(elb));
  dispatcher.add(ecs::service(ecs));
}

registry::ClientDeps Parts::client_deps() {
  registry::ClientDeps out{*store, content, images, tokens, clock};
  for (const auto& mirror : options.registry_mirrors)
    out.mirrors.push_back(registry::parse_mirror(mirror));
  out.insecure = options.insecure_registries;
  return out;
}

agent::Hooks Parts::agent_hooks() {
  agent::Hooks hooks;
  hooks.open_log_stream = [this](const agent::AwsLogs& to, const std::string& stream) {
    if (!logs.group_exists(options.account, to.region, to.group)) {
      if (!to.create_group) {
        throw not_found(
            "The specified log group does not exist: {} (create it, or set awslogs-create-group)",
            to.group);
      }
      logs.ensure_group(options.account, to.region, to.group);
    }
    logs.ensure_stream(options.account, to.region, to.group, stream);
  };
  hooks.put_log_lines = [this](const agent::AwsLogs& to, const std::string& stream,
                               const std::vector<container::LogLine>& lines,
                               uint64_t first_ordinal) {
    std::vector<logs::InputEvent> events;
    events.reserve(lines.size());
    for (const auto& line : lines) {
      std::string_view text = line.text;
      if (text.ends_with('\n')) text.remove_suffix(1);
      events.push_back({to_epoch_ms(line.time), std::string(text)});
    }
    logs.put(options.account, to.region, to.group, stream, events, first_ordinal);
  };
  hooks.role_credentials = [this](const std::string& role_arn, const std::string& task_arn) {
    aws::Credential key;
    store->write([&](store::Writer& db) {
      const std::string session = task_arn.substr(task_arn.rfind('/') + 1);
      key = aws::mint_session(db, role_arn, session, seconds(6 * 3600), clock.now());
    });
    return Json{{"RoleArn", role_arn},
                {"AccessKeyId", key.access_key_id},
                {"SecretAccessKey", key.secret_access_key},
                {"Token", key.session_token},
                {"Expiration", to_rfc3339(*key.expires, 0)}}
        .dump();
  };
  return hooks;
}

}  // namespace slipway::daemon

// Everything a daemon is made of, in the order in which it is made (and unmade backwards). Wiring
// only: what a part does is in its own folder.
#pragma once
#include <memory>

#include "agent/agent.h"
#include "aws/credentials.h"
#include "aws/dispatcher.h"
#include "base/clock.h"
#include "build/builder.h"
#include "container/engine.h"
#include "daemon/options.h"
#include "docker/api.h"
#include "ec2/api.h"
#include "ecr/api.h"
#include "ecs/api.h"
#include "elb/api.h"
#include "elb/loop.h"
#include "iam/api.h"
#include "image/image.h"
#include "logs/logs.h"
#include "registry/client.h"
#include "registry/server.h"
#include "registry/tokens.h"
#include "registry/uploads.h"
#include "store/store.h"
#include "sts/api.h"

namespace slipway::daemon {

struct Parts {
  explicit Parts(const Options& options);

  Options options;
  SystemClock clock;
  std::unique_ptr<store::Store> store;
  aws::Credential root_key;

  image::ContentStore content;
  image::Images images;
  registry::Tokens tokens;
  registry::Uploads uploads;
  std::unique_ptr<registry::Client>
      docker_client;  // `docker push` and `pull`: credentials asked for
  std::unique_ptr<registry::Client> trusted_client;  // builds and tasks: local names need none
  container::Engine engine;
  build::Builder builder;
  registry::Server registry;
  docker::Api docker;

  logs::Logs logs;
  agent::Agent agent;

  sts::Sts sts;
  iam::Iam iam;
  ec2::Ec2 ec2;
  ecr::Ecr ecr;
  elb::Elb elb;
  ecs::Ecs ecs;
  elb::Loop elb_loop;
  aws::Dispatcher dispatcher;

 private:
  agent::Hooks agent_hooks();
  registry::ClientDeps client_deps();
};

}  // namespace slipway::daemon

// docker search asks Docker Hub's index of images. Slipway has none, and sends nothing there.
#include "base/error.h"
#include "docker/handlers.h"

namespace slipway::docker {

void search_images(Call& call) {
  throw unimplemented(
      "searching for \"{}\" is not possible: Slipway keeps no index of images. `docker images` "
      "lists what is here, `aws ecr describe-repositories` what the registry holds; other images "
      "are pulled by their name",
      call.text("term").substr(0, 200));
}

}  // namespace slipway::docker

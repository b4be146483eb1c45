// What Docker itself notes of a container on disk: moby's daemon/container/container.go, toDisk(), v20.10 to v28.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fetch/secret.hpp"
#include "include/util/result.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::fetch {

/// Where Docker keeps a folder for each container.
inline constexpr const char* docker_containers = "/var/lib/docker/containers";

struct DockerContainer {
  std::string name;          ///< without Docker's leading slash
  std::string image;         ///< as it was asked for
  std::string image_digest;  ///< as wire::Container has it
  std::optional<wire::EcsTask>
      task;            ///< by labels of Amazon's agent, which takes the place of a user's own; no service
  Secret metadata_id;  ///< names it to that agent's task metadata endpoint; "" = it has none
};

/// Docker's container ids, and so the names of its folders.
bool is_docker_id(std::string_view text);

/// FOLDER/ID/config.v2.json. Of what it holds, environment and arguments among it, only the above is taken, and the
/// rest cleared. `id`: is_docker_id(). `not_found`: there is no such file. `invalid_argument`: it is longer than 1 MiB,
/// is no JSON or of another container, or has a text of more than 1,024 bytes where a name belongs.
Result<DockerContainer> read_docker_container(const std::string& folder, const std::string& id);

}  // namespace plumbline::fetch

// Amazon ECS: task definitions and services, as its API describes them.
#pragma once

#include <string_view>

#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// What `aws ecs describe-task-definition` ({"taskDefinition", "tags"}) and `aws ecs describe-services` ({"services",
/// "failures"}) print, one output or several in a list (`jq -s .`). Facts: botocore's model of ecs 2014-11-13.
///
/// - Addresses are "ecs:<source>/task-definition/<family>:<revision>" and "ecs:<source>/service/<cluster>/<name>".
/// - ids: ARN, "family:revision", family, the paths of the node that it mounts; ARN, "cluster/name", name. Region and
/// account are the ARN's.
/// - Attributes are what RegisterTaskDefinition and CreateService take, not what ECS computes (status, counts, events,
///   deployments). Containers are told apart by their names and not by their order:
///   "containerDefinitions.web.image", "containerDefinitions.web.environment.STAGE" (sensitive where the name or the
///   value is), "containerDefinitions.web.secrets.DB_PASSWORD" (where ECS takes it from: no secret itself). Tags are
///   "tags.<key>".
/// - A host volume is a path of the node, but nobody says what should be in it: told as skipped. The path is an
///   id of the task definition, so that its owner is found (Index::owners_of_path).
/// - desiredCount of a DAEMON service is the number of nodes, hence ignored. Whether an autoscaler sets that of another
///   service (Application Auto Scaling) is not visible here, so it is compared.
/// - Left out: inactive and draining services, deregistered task definitions, what describe-services did not find.
/// - Revision: the keyed hash of the source; the API has none of the whole.
Result<void> read_ecs(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out);

}  // namespace plumbline::baseline

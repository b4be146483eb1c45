// The Elastic Common Schema, for who reads that instead of OCSF. Pure.
#pragma once

#include <string>

#include "collector/forward/alert.hpp"

namespace plumbline::collector {

/// One document of ECS 8.17: https://www.elastic.co/guide/en/ecs/8.17/ecs-field-reference.html
/// event.kind is "alert" while a drift is open, else "event"; event.id is the record's, event.action says how it moved
/// ("drift-opened", "drift-updated", "drift-closed", "gap", …). What ECS has no field for stands below `plumbline`.
std::string ecs_document(const LedgerRecord& record, const Alert& alert);

}  // namespace plumbline::collector

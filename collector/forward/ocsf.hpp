// OCSF 1.8, the canonical form of what sinks send. Pure.
#pragma once

#include <string>

#include "collector/forward/alert.hpp"

namespace plumbline::collector {

/// How much of the evidence: `brief` fits into a syslog message of 8 KiB whatever the record holds (no ancestors, no
/// command line, ten attributes with values of 128 bytes).
enum class Detail { full, brief };

/// One Detection Finding (class 2004) of OCSF 1.8.0 as a JSON object:
/// https://schema.ocsf.io/1.8.0/classes/detection_finding Create when it opens, Update while it is open, Close when it
/// is resolved or accepted; finding_info.uid is the alert's uid, metadata.uid its record's. Everything that a sink
/// sends is of this one class, which alerting reads: records that are no drift differ in finding_info.types, and what
/// has no place in the class stands in `unmapped`. Values of sensitive attributes are the keyed hashes that the agent
/// sent.
std::string ocsf_finding(const LedgerRecord& record, const Alert& alert, Detail detail = Detail::full);

/// 1 (Informational) to 5 (Critical).
int ocsf_severity_id(wire::Severity severity);

}  // namespace plumbline::collector

// The two line formats that syslog receivers of SIEMs parse: ArcSight's CEF and QRadar's LEEF. Pure.
#pragma once

#include <string>

#include "collector/forward/alert.hpp"

namespace plumbline::collector {

/// `CEF:0|Plumbline|Plumbline|<version>|<type>.<phase>|<title>|<0-10>|key=value …` (CEF 25). `|` and `\` of the header,
/// `=`,
/// `\` and line ends of the extension are escaped; each value has at most 1,000 bytes. At most 8 KiB.
std::string cef_line(const LedgerRecord& record, const Alert& alert);

/// `LEEF:2.0|Plumbline|Plumbline|<version>|<type>.<phase>|x09|key=value<tab>…`: tabs and line ends in values become
/// blanks.
std::string leef_line(const LedgerRecord& record, const Alert& alert);

}  // namespace plumbline::collector

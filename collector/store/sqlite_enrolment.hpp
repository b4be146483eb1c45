// Enrolment tokens and the handout's number in SQLite: what is read on a connection of its own. The writing half is
// SqliteWriter's.
#pragma once

#include <vector>

#include "collector/store/enrolment_token.hpp"
#include "collector/store/handout_number.hpp"
#include "collector/store/revocation.hpp"
#include "collector/store/sqlite.hpp"

namespace plumbline::collector {

Result<std::vector<EnrolmentToken>> read_tokens(Database& database);
Result<std::vector<Revocation>> read_revocations(Database& database);
Result<HandoutNumber> read_handout(Database& database);

}  // namespace plumbline::collector

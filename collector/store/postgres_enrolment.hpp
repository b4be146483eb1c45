// Enrolment tokens and the handout's number in PostgreSQL: what is read beside the writer. The writing half is
// PostgresWriter's.
#pragma once

#include <vector>

#include "collector/store/enrolment_token.hpp"
#include "collector/store/handout_number.hpp"
#include "collector/store/postgres.hpp"
#include "collector/store/revocation.hpp"

namespace plumbline::collector {

Result<std::vector<EnrolmentToken>> read_tokens(PgConnection& connection);
Result<std::vector<Revocation>> read_revocations(PgConnection& connection);
Result<HandoutNumber> read_handout(PgConnection& connection);

}  // namespace plumbline::collector

#pragma once

#include "cloud/operation.hpp"

namespace plumbline::cloud::aws {

/// Fills outcome, error code and request id from a response. A success's status is not enough: some of S3's operations
/// answer 200 and say <Error> in the body (botocore/handlers.py, check_for_200_error), and EC2 refuses a dry run that
/// would work with the code DryRunOperation. `asks_dry_run`: Parameters'.
void add_outcome(const Response& response, const Route& route, bool asks_dry_run, Operation& operation);

}  // namespace plumbline::cloud::aws

// A named cloud operation: what one HTTP exchange was.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cloud/bearer.hpp"
#include "cloud/body/value.hpp"
#include "cloud/http.hpp"
#include "cloud/route.hpp"
#include "cloud/touched.hpp"

namespace plumbline::cloud {

enum class Outcome : std::uint8_t {
  unknown,  ///< no answer was seen
  succeeded,
  denied,   ///< who asked may not: still an attempt
  failed,   ///< the request was wrong, or the service was
  dry_run,  ///< asked only whether it would work
};

/// Temporary credentials that an answer handed out, by the public half alone.
struct Grant {
  std::string access_key_id;  ///< that calls with them will be signed by
  std::string arn;            ///< whom they act as: "arn:aws:sts::…:assumed-role/deployer/ci"; "" = whoever asked
  std::string subject;        ///< whose token was exchanged: "system:serviceaccount:shop:deployer"; "" = a signed call
  std::int64_t expires = 0;   ///< Unix seconds; 0 = not said
  std::string source;         ///< the node's endpoint that handed them out: "imds" (aws/metadata.hpp); "" = an API
  TokenProof token;           ///< of `subject`
};

/// Texts are copies; "" = unknown.
struct Operation {
  Provider provider = Provider::none;
  Unmapped unmapped = Unmapped::not_cloud;
  std::string service, operation;
  Level level = Level::read;
  bool level_guessed = false;  ///< by the operation's verb
  bool data_plane = false;     ///< moves data of users, changes no configuration
  Outcome outcome = Outcome::unknown;
  std::string error_code;  ///< of the service, where it refused

  std::string region, partition;
  /// Whose the thing is: by what the request says of it, else the caller's; "" also where the request contradicts
  /// itself.
  std::string account;
  std::string principal_account;  ///< of AWS: the caller's own, which the letters of its key hold
  std::string access_key_id;      ///< as the request claims; whether the signature is right, only the service knows
  /// Whom a bearer token says to be of: "system:serviceaccount:shop:deployer", an address of mail.
  std::string principal;
  TokenProof token;            ///< of `principal`
  std::optional<Grant> grant;  ///< of AWS: credentials in the answer, which later calls are signed by
  std::string_view tool;       ///< that its client says to be: tool_of()
  std::string invocation;      ///< one for all tries of one call
  std::string request_id;      ///< the service's, as in its audit log

  Value parameters = Value::of(Value::Kind::map);  ///< by the model's names; secrets hidden
  bool parameters_cut = false;  ///< the body was longer than what is there, or broken, or touches more than max_touched

  Semantics semantics = Semantics::unknown;
  std::vector<Touched> touched;  ///< what a write touches, as far as the tables know; of a batch each one
};

inline constexpr std::size_t max_touched = 1'000;

/// Reads a whole exchange. Bodies may be cut at any byte; what they hold is never trusted. Neither signature nor
/// session token, nor anything that hide_secrets() knows, is in the result. Any thread.
Operation decode(const Request& request, const Response& response);

/// As `plumb decode` and findings spell them.
std::string_view word(Provider provider);
std::string_view word(Level level);
std::string_view word(Outcome outcome);
std::string_view word(Semantics semantics);
/// Why there is no operation, as one sentence's end.
std::string_view word(Unmapped unmapped);

/// A setting's value as JSON, in the types of the state. nullopt: some of it is secret.
std::optional<std::string> setting_json(const Value& value);

/// One line of JSON in the shape of DESIGN's contract; what is unknown is absent.
std::string to_json(const Operation& operation);

}  // namespace plumbline::cloud

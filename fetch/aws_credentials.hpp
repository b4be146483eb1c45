// Where an agent on this node finds AWS credentials that nobody wrote into its configuration.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fetch/environment.hpp"
#include "fetch/sigv4.hpp"
#include "fetch/web.hpp"
#include "include/util/clock.hpp"
#include "include/util/result.hpp"

namespace plumbline::fetch::aws {

struct Credentials {
  Keys keys;
  WallNs expires = 0;  ///< 0: never, or nobody said
  std::string source;  ///< for people: "the environment"
};

struct CredentialsOptions {
  std::string credentials_file;                             ///< goes before all else; "" = the ambient chain
  std::string region;                                       ///< "" = see CredentialsChain::region()
  std::string container_endpoint = "http://169.254.170.2";  ///< what AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is added to
  Environment environment;
  FetchLimits limits;  ///< for one question to STS or to a container's endpoint
};

/// The credentials chain of the AWS SDKs ("Standardized credential providers" of the AWS SDKs and Tools reference):
/// environment, shared credentials file, web identity (IRSA), container endpoint (ECS, EKS Pod Identity), instance
/// metadata (IMDSv2 only). A link that is not set up is passed over; one that is set up and fails ends the search, lest
/// a node's role be used where a pod's was meant.
///
/// TLS peers are checked against AWS_CA_BUNDLE where that is set.
///
/// Temporary credentials are kept until 5 minutes before they expire, and until they expire where no new ones are to be
/// had; long-term ones are read anew each time. Used by one thread, which may wait: 1 s where there is no IMDS.
class CredentialsChain {
 public:
  /// `clock` must outlive the chain.
  CredentialsChain(CredentialsOptions options, const Clock& clock);

  /// Errors tell each link that was tried and why it gave none. `permission`, `not_found` and `invalid_argument` need a
  /// person, `unavailable` may work later. No secret in any.
  Result<Credentials> get();

  /// Forgets what is kept: a server refused it.
  void forget() { kept_.reset(); }

  /// The option, AWS_REGION, AWS_DEFAULT_REGION, or `region` in the credentials file's profile. `invalid_argument`:
  /// none of them, or one that is no region's name.
  Result<std::string> region() const;

 private:
  const CredentialsOptions options_;
  const Clock& clock_;
  std::optional<Credentials> kept_;
};

/// The domain under which a region's services are: "amazonaws.com", "amazonaws.com.cn" in China.
std::string_view domain_of(std::string_view region);

/// The text of <name> in an AWS answer; "" where it is absent, there twice, empty or more than printable ASCII without
/// blanks, markup and entities. Views into `xml`. No XML parser: these answers are flat, and one element is wanted.
std::string_view xml_text(std::string_view xml, std::string_view name);

}  // namespace plumbline::fetch::aws

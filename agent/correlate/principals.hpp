// Who acts with temporary credentials, as this node saw them handed out.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/operation.hpp"

namespace plumbline::agent {

/// A bounded table: access key id → whom it was handed out to. Learned from the answers of STS and its kin that pass
/// by, and of the metadata services of the node: it is what a client on this node was told, not what AWS was asked:
/// "observed". Holds no secret. One thread.
class Principals {
 public:
  struct Options {
    std::size_t max_keys = 4'096;                       ///< at it the one that was learned first is forgotten
    std::int64_t longest_s = 36 * std::int64_t{3'600};  ///< GetFederationToken's and GetSessionToken's longest
    std::int64_t unknown_s = 12 * std::int64_t{3'600};  ///< where an answer says no end: a role's longest session
  };
  struct Known {
    std::string arn;  ///< "arn:aws:sts::123456789012:assumed-role/deployer/ci"; "" = as the first of `chain`
    /// Whom it came from, nearest first: ARNs, key ids of nobody known, at its end the subject of a token, or the
    /// endpoint of the node that handed it out: "imds", and before it its role, "role/web".
    std::vector<std::string> chain;
    cloud::TokenProof token = {};  ///< of the token at the end of the chain
  };
  static constexpr std::size_t longest_chain = 8;

  explicit Principals(Options options) : options_(options) {}

  /// Takes what a call's answer handed out, where it did. What does not fit is refused: an ARN of another account than
  /// the key id's, and a second owner of a key, who makes the first one doubtful, too. `now`: Unix seconds.
  void learn(const cloud::Operation& operation, std::int64_t now);
  /// nullptr: not seen, over, or doubtful. Valid until the next call of this object.
  const Known* look_up(std::string_view access_key_id, std::int64_t now) const;

  std::size_t size() const { return keys_.size(); }
  std::uint64_t refused() const { return refused_; }

 private:
  struct Entry {
    Known known;
    std::string subject;  // of the grant
    std::int64_t expires = 0;
    bool doubtful = false;
    bool is_of_endpoint = false;  // handed out by one of the node's
    std::list<std::string>::iterator place;
  };
  static bool agree(const Entry& entry, const Known& known, const cloud::Grant& grant);
  Known known_of(const cloud::Operation& operation, std::int64_t now) const;

  const Options options_;
  std::map<std::string, Entry, std::less<>> keys_;
  std::list<std::string> order_;  // as they were learned
  std::uint64_t refused_ = 0;
};

}  // namespace plumbline::agent

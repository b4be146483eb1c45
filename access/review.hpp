// What an API server of Kubernetes is asked about a token, and what it answers: TokenReview (authentication.k8s.io/v1)
// and SubjectAccessReview (authorization.k8s.io/v1). Pure; answers are foreign bytes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "include/util/result.hpp"

namespace plumbline::access {

inline constexpr const char* token_review_path = "/apis/authentication.k8s.io/v1/tokenreviews";
inline constexpr const char* access_review_path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
inline constexpr std::size_t longest_review = 256 * 1024;

/// Whose token it is.
struct Reviewed {
  std::string user, uid;
  std::vector<std::string> groups;
  std::vector<std::pair<std::string, std::vector<std::string>>> extra;

  /// Of the pod that the token is bound to (Kubernetes 1.30 and later); "" = it says none.
  std::string node() const;
  std::string pod() const;
};

/// Whether it is made of what tokens are made of (RFC 6750, 2.1), so that it can stand in JSON as it is.
bool is_bearer_token(std::string_view token);

/// `token`: is_bearer_token(). The text holds it, in one piece of memory.
std::string token_review(std::string_view token, const std::string& audience);
/// `permission`: the token is nobody's, or not for `audience`; `corrupt`: no answer to such a question.
Result<Reviewed> read_token_review(std::string_view json, const std::string& audience);

/// Whether that user may `verb` ("get") the path of a URL ("/v1/drift").
std::string access_review(const Reviewed& who, const std::string& verb, const std::string& path);
/// `corrupt`: no answer to such a question.
Result<bool> read_access_review(std::string_view json);

}  // namespace plumbline::access

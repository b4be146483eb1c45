// One HTTP exchange with somebody else's server. cpp-httplib stays in the .cpp.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fetch/origin.hpp"

namespace plumbline::fetch {

/// Clears its URL, headers and body when it goes: any may hold secrets. Copies that the HTTP library makes are not.
struct WebRequest {
  WebRequest() = default;
  WebRequest(const WebRequest&) = delete;
  WebRequest& operator=(const WebRequest&) = delete;
  ~WebRequest();

  std::string method = "GET";
  std::string url;  ///< http:// or https://; no user and no password in it
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string ca_file;                     ///< PEM; "" = the system's
  std::string certificate_file, key_file;  ///< PEM, to show who we are; "" = none
  FetchLimits limits;
  std::size_t max_bytes = max_fetched_bytes;
};

/// Clears its body when it goes.
struct WebAnswer {
  WebAnswer() = default;
  WebAnswer(WebAnswer&&) noexcept = default;
  WebAnswer& operator=(WebAnswer&&) noexcept = default;
  WebAnswer(const WebAnswer&) = delete;
  WebAnswer& operator=(const WebAnswer&) = delete;
  ~WebAnswer();

  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case; of a repeated one the last
  std::string body;

  /// "" where it is not there.
  std::string_view header(const std::string& name) const;
};

/// The value of an Authorization header with a bearer token (RFC 6750).
std::string bearer(std::string_view token);

/// Makes `request` a POST of the fields as an HTML form.
void post_form(WebRequest& request, std::initializer_list<std::pair<std::string_view, std::string_view>> fields);

/// Follows no redirect and verifies TLS peers. Any status is an answer. Errors (`unavailable`; `invalid_argument` for a
/// bad URL) name scheme, host and port only: a path or query may be a secret.
Result<WebAnswer> exchange(const WebRequest& request);

/// As exchange(), of many requests to one server over one connection, for as long as the server keeps it open. For one
/// fetch; one thread.
class WebConnection {
 public:
  WebConnection();
  ~WebConnection();
  WebConnection(const WebConnection&) = delete;
  WebConnection& operator=(const WebConnection&) = delete;

  Result<WebAnswer> exchange(const WebRequest& request);

 private:
  friend Result<WebAnswer> exchange(const WebRequest& request);
  struct Client;
  Result<WebAnswer> exchange(const WebRequest& request, bool kept);
  std::unique_ptr<Client> client_;
};

/// Whether an answer to a conditional GET brings something: 200, or 304 where a version was known.
bool is_answered(const WebAnswer& answer, const std::string& known);

/// Takes such an answer of an object store, whose version is its ETag. `invalid_argument` where the object comes packed
/// (Content-Encoding). `shown` names the object for people.
Result<Fetched> take_object(const WebAnswer& answer, const std::string& known, const std::string& shown,
                            const std::function<Result<void>(std::string_view bytes)>& take);

/// What an answer that is no success means, for people: the code for the caller's next step, and the server's own words
/// only as far as `hint` takes them from the body (an error code, no more).
Error refused(const std::string& what, const WebAnswer& answer, const std::string& hint, const std::string& fix);

/// The error of a part as one of the whole, `what`.
Error within(const std::string& what, const Error& part);

}  // namespace plumbline::fetch

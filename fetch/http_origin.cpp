#include "fetch/http_origin.hpp"

#include "fetch/secret.hpp"
#include "fetch/web.hpp"
#include "http/url.hpp"

namespace plumbline::fetch {
namespace {

constexpr std::string_view by_time = "time ";

class HttpOrigin final : public Origin {
 public:
  HttpOrigin(HttpOriginOptions options, std::string shown) : options_(std::move(options)), shown_(std::move(shown)) {}

  Result<Fetched> fetch(const std::string& known,
                        const std::function<Result<void>(std::string_view bytes)>& take) override {
    WebRequest request;
    request.url = options_.url;
    request.ca_file = options_.ca_file;
    request.limits = options_.limits;
    if (!known.empty() && !known.starts_with(by_time)) request.headers.emplace_back("If-None-Match", known);
    if (known.starts_with(by_time)) request.headers.emplace_back("If-Modified-Since", known.substr(by_time.size()));
    if (!options_.token_file.empty()) {
      const auto token = read_secret_line(options_.token_file);
      if (!token) return token.error();
      request.headers.emplace_back("Authorization", bearer(token->view()));
    }
    const auto answer = exchange(request);
    if (!answer) return answer.error();
    if (answer->status == 304 && !known.empty()) return Fetched{true, known};
    if (answer->status != 200)
      return refused("fetch a source from " + shown_, *answer, "", "check the URL, and the token in `token_file`");
    Fetched fetched;
    if (const auto etag = answer->header("etag"); !etag.empty())
      fetched.version = etag;
    else if (const auto time = answer->header("last-modified"); !time.empty())
      fetched.version = std::string(by_time).append(time);
    if (auto taken = take(answer->body); !taken) return taken.error();
    return fetched;
  }

 private:
  const HttpOriginOptions options_;
  const std::string shown_;  ///< without path and query, which may be secrets
};

}  // namespace

Result<std::unique_ptr<Origin>> make_http_origin(HttpOriginOptions options) {
  const std::string what = "read the URL of a source";
  const auto url = http::parse_url(what, options.url);
  if (!url) return url.error();
  if (!options.token_file.empty())
    if (const auto safe = safe_for_secrets(what, options.url); !safe) return safe.error();
  return std::unique_ptr<Origin>(new HttpOrigin(std::move(options), url->origin));
}

}  // namespace plumbline::fetch

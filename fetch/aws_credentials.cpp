#include "fetch/aws_credentials.hpp"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <variant>

#include "fetch/aws_profile.hpp"
#include "fetch/encoding.hpp"
#include "fetch/secret.hpp"
#include "fetch/secret_document.hpp"
#include "http/url.hpp"
#include "include/util/loopback.hpp"

namespace plumbline::fetch::aws {
namespace {

constexpr WallNs renewed_before_end = std::int64_t{5} * 60 * 1'000'000'000;
constexpr std::size_t max_answer_bytes = std::size_t{256} << 10;
constexpr std::chrono::milliseconds imds_connect{1'000}, imds_whole{2'000};
constexpr const char* imds_fix =
    "on EC2, attach a role and allow IMDSv2 with a hop limit of 2; elsewhere, set credentials_file or give the pod a "
    "role";

/// Why a link of the chain does not apply here: the next one is asked.
struct NotSetUp {
  std::string why;
};
using Outcome = std::variant<Credentials, NotSetUp, Error>;

std::string value(const CredentialsOptions& options, const char* name) {
  return variable(options.environment, name);
}

bool same_word(const std::string& a, const char* b) {
  return ::strcasecmp(a.c_str(), b) == 0;
}

/// Keys go into headers, so only what belongs there is let through.
Result<Credentials> make_credentials(const std::string& what, Keys keys, WallNs expires) {
  const bool no_id = keys.access_key_id.empty();
  if (no_id || keys.secret_access_key.empty())
    return invalid(what, no_id ? "there is no access key id" : "there is no secret access key", "give both");
  if (!is_header_text(keys.access_key_id) || !is_header_text(keys.secret_access_key.view()) ||
      !is_header_text(keys.session_token.view()))
    return invalid(what, "a key or token holds a blank or what is not printable ASCII", "write it anew");
  return Credentials{std::move(keys), expires, ""};
}

Outcome outcome(Result<Credentials> result) {
  if (!result) return result.error();
  return std::move(*result);
}

struct ProfileFile {
  std::string path;  ///< "" = there is no place to look at
  std::string profile;
  bool named = false;  ///< by configuration or environment, not by default
};

ProfileFile profile_file(const CredentialsOptions& options) {
  const std::string profile = value(options, "AWS_PROFILE"), home = value(options, "HOME");
  ProfileFile file{options.credentials_file, profile.empty() ? "default" : profile, true};
  if (file.path.empty()) file.path = value(options, "AWS_SHARED_CREDENTIALS_FILE");
  if (!file.path.empty()) return file;
  file.named = false;
  if (!home.empty()) file.path = home + "/.aws/credentials";
  return file;
}

Outcome from_file(const CredentialsOptions& options) {
  const ProfileFile file = profile_file(options);
  if (file.path.empty()) return NotSetUp{"neither AWS_SHARED_CREDENTIALS_FILE nor HOME is set"};
  auto profile = read_profile(file.path, file.profile);
  if (!profile) {
    const bool absent = profile.error().code == ErrorCode::not_found || profile.error().code == ErrorCode::permission;
    if (absent && !file.named) return NotSetUp{file.path + ": " + profile.error().why};
    return profile.error();
  }
  const std::string what = "profile \"" + file.profile + "\" in " + file.path;
  auto& keys = profile->keys;
  if (!keys.access_key_id.empty() || !keys.secret_access_key.empty())
    return outcome(make_credentials("read " + what, std::move(keys), 0));
  std::string why = "there is no " + what;
  if (profile->found) why = what + " holds no keys";
  if (!profile->other_way.empty()) why += ", and its " + profile->other_way + " is not followed";
  if (!file.named) return NotSetUp{why};
  return Error{ErrorCode::not_found, "read the AWS credentials file", why,
               "write aws_access_key_id and aws_secret_access_key into that profile, or set AWS_PROFILE"};
}

Outcome from_configured_file(const CredentialsOptions& options) {
  if (options.credentials_file.empty()) return NotSetUp{"none is configured"};
  return from_file(options);
}

Outcome from_environment(const CredentialsOptions& options) {
  Keys keys{value(options, "AWS_ACCESS_KEY_ID"), secret_variable(options.environment, "AWS_SECRET_ACCESS_KEY"),
            secret_variable(options.environment, "AWS_SESSION_TOKEN")};
  if (keys.access_key_id.empty() && keys.secret_access_key.empty())
    return NotSetUp{"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"};
  return outcome(
      make_credentials("read AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN", std::move(keys), 0));
}

// Those that ask a server.

Result<WebAnswer> ask(const std::string& what, const WebRequest& request) {
  auto answer = exchange(request);
  if (!answer) return within(what, answer.error());
  return answer;
}

/// The keys in an answer of IMDS or a container's endpoint.
Result<Credentials> from_json(const std::string& what, const WebAnswer& answer, const std::string& fix) {
  const auto document = SecretDocument::parse(answer.body);
  const auto text = [&](const char* name) { return document ? document->text({name}) : std::string_view(); };
  const std::string code(text("code").empty() ? text("Code") : text("code"));
  if (answer.status != 200 || (!code.empty() && code != "Success")) {
    Error error = refused(what, answer, code, fix);
    if (error.code != ErrorCode::unavailable) error.code = ErrorCode::permission;
    return error;
  }
  const std::string_view until = text("Expiration");
  const auto expires = parse_rfc3339(until);
  if (!until.empty() && !expires) return invalid(what, "its Expiration is no time", fix);
  Keys keys{std::string(text("AccessKeyId")), Secret(text("SecretAccessKey")), Secret(text("Token"))};
  return make_credentials(what, std::move(keys), expires.value_or(0));
}

Result<std::string> region_of(const CredentialsOptions& options) {
  std::string region = options.region;
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"})
    if (region.empty()) region = value(options, name);
  if (const ProfileFile file = profile_file(options); region.empty() && !file.path.empty())
    if (const auto profile = read_profile(file.path, file.profile)) region = profile->region;
  const std::string fix = "set `region`, for example eu-west-1; us-east-1 where a store of your own has none";
  if (region.empty())
    return invalid("find the AWS region",
                   "neither the configuration, AWS_REGION, AWS_DEFAULT_REGION nor a profile has it", fix);
  if (region.size() > 64 || !std::all_of(region.begin(), region.end(),
                                         [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; }))
    return invalid("find the AWS region", "what is set is no region's name", fix);
  return region;
}

Result<std::string> sts_endpoint(const CredentialsOptions& options) {
  if (const std::string endpoint = value(options, "AWS_ENDPOINT_URL_STS"); !endpoint.empty()) return endpoint;
  const auto region = region_of(options);
  if (!region) return region.error();
  return "https://sts." + *region + "." + std::string(domain_of(*region));
}

Result<Credentials> from_sts(const std::string& what, const WebAnswer& answer) {
  if (answer.status != 200) {
    const std::string code(xml_text(answer.body, "Code"));
    Error error = refused(what, answer, code, "check that the role trusts this token's issuer, subject and audience");
    if (code == "IDPCommunicationError") error.code = ErrorCode::unavailable;
    return error;
  }
  const auto expires = parse_rfc3339(xml_text(answer.body, "Expiration"));
  Keys keys{std::string(xml_text(answer.body, "AccessKeyId")), Secret(xml_text(answer.body, "SecretAccessKey")),
            Secret(xml_text(answer.body, "SessionToken"))};
  if (!expires || keys.session_token.empty())
    return invalid(what, "its answer lacks a session token or an expiry", "check AWS_ENDPOINT_URL_STS");
  return make_credentials(what, std::move(keys), *expires);
}

Outcome from_web_identity(const CredentialsOptions& options) {
  const std::string role = value(options, "AWS_ROLE_ARN"), file = value(options, "AWS_WEB_IDENTITY_TOKEN_FILE");
  if (role.empty() && file.empty()) return NotSetUp{"AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE are not set"};
  const std::string what = "assume the role of AWS_ROLE_ARN";
  if (role.empty() || file.empty())
    return invalid(what, "only one of AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE is set", "set both, or neither");
  const auto endpoint = sts_endpoint(options);
  if (!endpoint) return endpoint.error();
  if (const auto safe = safe_for_secrets("read AWS_ENDPOINT_URL_STS", *endpoint); !safe) return safe.error();
  const auto token = read_secret_line(file);
  if (!token) return token.error();
  const std::string session = value(options, "AWS_ROLE_SESSION_NAME");
  WebRequest request;
  request.url = *endpoint;
  request.limits = options.limits;
  request.ca_file = value(options, "AWS_CA_BUNDLE");
  request.max_bytes = max_answer_bytes;
  post_form(request, {{"Action", "AssumeRoleWithWebIdentity"},
                      {"Version", "2011-06-15"},
                      {"RoleArn", role},
                      {"RoleSessionName", session.empty() ? "plumbline-agent" : session},
                      {"WebIdentityToken", token->view()}});
  const auto answer = ask(what, request);
  if (!answer) return answer.error();
  return outcome(from_sts(what, *answer));
}

/// Where a container's credentials may come from without TLS: this node, and the addresses of ECS and EKS.
bool is_trusted_container_host(const std::string& host) {
  in6_addr given{}, eks{};
  ::inet_pton(AF_INET6, "fd00:ec2::23", &eks);
  if (::inet_pton(AF_INET6, host.c_str(), &given) == 1 && ::memcmp(&given, &eks, sizeof eks) == 0) return true;
  return is_loopback(host) || host == "169.254.170.2" || host == "169.254.170.23";
}

Result<std::string> container_url(const CredentialsOptions& options) {
  if (const std::string relative = value(options, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); !relative.empty()) {
    if (relative[0] == '/') return options.container_endpoint + relative;
    return invalid("read AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "it does not begin with /", "leave it as ECS set it");
  }
  const std::string what = "read AWS_CONTAINER_CREDENTIALS_FULL_URI";
  const std::string full = value(options, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  const auto url = http::parse_url(what, full);
  if (!url) return url.error();
  if (!url->tls && !is_trusted_container_host(url->host))
    return invalid(what, "without TLS, its host may only be this node, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23]",
                   "use https://");
  return full;
}

Outcome from_container(const CredentialsOptions& options) {
  if (value(options, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").empty() &&
      value(options, "AWS_CONTAINER_CREDENTIALS_FULL_URI").empty())
    return NotSetUp{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set"};
  const auto url = container_url(options);
  if (!url) return url.error();
  WebRequest request;
  request.url = *url;
  request.limits = options.limits;
  request.ca_file = value(options, "AWS_CA_BUNDLE");
  request.max_bytes = max_answer_bytes;
  Secret token = secret_variable(options.environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string file = value(options, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !file.empty()) {
    auto read = read_secret_line(file);  // each time: EKS replaces it
    if (!read) return read.error();
    token = std::move(*read);
  }
  // Blanks are allowed here: a scheme may stand before the value.
  if (token.view().find_first_of("\r\n") != std::string_view::npos)
    return invalid("read AWS_CONTAINER_AUTHORIZATION_TOKEN", "it holds a line break", "write it as one line");
  if (!token.empty()) request.headers.emplace_back("Authorization", token.view());
  const std::string what = "ask the container's endpoint for credentials";
  const auto answer = ask(what, request);
  if (!answer) return answer.error();
  return outcome(from_json(what, *answer, "check the task's role, or the pod identity association"));
}

Result<WebAnswer> ask_imds(const std::stop_token& stop, const std::string& url, const std::string& token) {
  WebRequest request;
  request.url = url;
  request.limits = {imds_connect, imds_whole, stop};
  request.max_bytes = max_answer_bytes;
  if (token.empty()) {
    request.method = "PUT";
    request.headers.emplace_back("X-aws-ec2-metadata-token-ttl-seconds", "300");
  } else {
    request.headers.emplace_back("X-aws-ec2-metadata-token", token);
  }
  auto answer = ask("ask the instance's metadata", request);
  if (!answer) return Error{answer.error().code, answer.error().what, answer.error().why, imds_fix};
  return answer;
}

Result<Credentials> ask_imds_for_keys(const std::stop_token& stop, const std::string& base) {
  const std::string what = "ask the instance's metadata";
  auto token = ask_imds(stop, base + "/latest/api/token", "");
  if (!token) return token.error();
  if (token->status != 200 || token->body.empty() || !is_header_text(token->body))
    return refused(what + " for a token", *token, "", imds_fix);
  const std::string roles = base + "/latest/meta-data/iam/security-credentials/";
  const auto list = ask_imds(stop, roles, token->body);
  if (!list) return list.error();
  const std::string role = list->body.substr(0, list->body.find_first_of("\r\n"));
  if (list->status != 200 || role.empty()) return refused(what + " for the instance's role", *list, "", imds_fix);
  const auto keys = ask_imds(stop, roles + percent_encode(role), token->body);
  if (!keys) return keys.error();
  return from_json(what + " for the role's keys", *keys, imds_fix);
}

Outcome from_imds(const CredentialsOptions& options) {
  if (same_word(value(options, "AWS_EC2_METADATA_DISABLED"), "true"))
    return NotSetUp{"AWS_EC2_METADATA_DISABLED is set"};
  std::string base = value(options, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  const bool v6 = same_word(value(options, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"), "ipv6");
  if (base.empty()) base = v6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
  if (base.ends_with('/')) base.pop_back();
  return outcome(ask_imds_for_keys(options.limits.stop, base));
}

struct Link {
  const char* name;
  Outcome (*ask)(const CredentialsOptions&);
};
constexpr std::array links{Link{"the configured credentials file", from_configured_file},
                           Link{"the environment", from_environment},
                           Link{"the shared credentials file", from_file},
                           Link{"web identity (IRSA)", from_web_identity},
                           Link{"the container's endpoint", from_container},
                           Link{"the instance's metadata (IMDSv2)", from_imds}};

Result<Credentials> ask_links(const CredentialsOptions& options) {
  std::string tried;
  for (const Link& link : links) {
    Outcome found = link.ask(options);
    if (auto* credentials = std::get_if<Credentials>(&found)) {
      credentials->source = link.name;
      return std::move(*credentials);
    }
    tried += (tried.empty() ? "" : "; ") + std::string(link.name) + ": ";
    if (const auto* error = std::get_if<Error>(&found))
      return Error{error->code, "find AWS credentials", tried + error->what + ": " + error->why, error->fix};
    tried += std::get<NotSetUp>(found).why;
  }
  return Error{ErrorCode::permission, "find AWS credentials", tried,
               "name a credentials file in `credentials_file`, or give the pod or the node a role"};
}

}  // namespace

CredentialsChain::CredentialsChain(CredentialsOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

Result<Credentials> CredentialsChain::get() {
  const WallNs now = clock_.wall();
  if (kept_ && now < kept_->expires - renewed_before_end) return *kept_;
  auto fresh = ask_links(options_);
  if (!fresh && kept_ && now < kept_->expires) return *kept_;
  kept_.reset();
  if (fresh && fresh->expires != 0) kept_ = *fresh;
  return fresh;
}

Result<std::string> CredentialsChain::region() const {
  return region_of(options_);
}

std::string_view domain_of(std::string_view region) {
  struct Partition {
    std::string_view prefix, domain;
  };
  constexpr std::array partitions{Partition{"cn-", "amazonaws.com.cn"},    Partition{"eusc-", "amazonaws.eu"},
                                  Partition{"us-iso-", "c2s.ic.gov"},      Partition{"us-isob-", "sc2s.sgov.gov"},
                                  Partition{"us-isof-", "csp.hci.ic.gov"}, Partition{"eu-isoe-", "cloud.adc-e.uk"}};
  for (const auto& [prefix, domain] : partitions)
    if (region.starts_with(prefix)) return domain;
  return "amazonaws.com";
}

std::string_view xml_text(std::string_view xml, std::string_view name) {
  const std::string open = "<" + std::string(name) + ">", close = "</" + std::string(name) + ">";
  const std::size_t begin = xml.find(open);
  if (begin == std::string_view::npos || xml.find(open, begin + 1) != std::string_view::npos) return {};
  const std::string_view rest = xml.substr(begin + open.size());
  const std::size_t end = rest.find(close);
  if (end == std::string_view::npos) return {};
  const std::string_view text = rest.substr(0, end);
  return is_header_text(text) && text.find_first_of("<&") == std::string_view::npos ? text : std::string_view();
}

}  // namespace plumbline::fetch::aws

#include "fetch/sigv4.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <string_view>

#include "baseline/keyed_hash.hpp"
#include "fetch/encoding.hpp"
#include "fetch/hmac.hpp"
#include "include/util/hex.hpp"
#include "include/util/lower.hpp"

namespace plumbline::fetch::aws {
namespace {

constexpr const char* algorithm = "AWS4-HMAC-SHA256";

/// The key of one day, region and service: it is all that a stolen signature could be turned into.
Mac signing_key(const Secret& secret, std::string_view day, const SigningScope& scope) {
  std::string first = "AWS4";
  first.reserve(first.size() + secret.view().size());
  first += secret.view();
  Mac key = hmac_sha256(first, day);
  wipe(first);
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service), std::string_view("aws4_request")}) {
    Mac next = hmac_sha256(bytes_of(key), part);
    key = next;
    OPENSSL_cleanse(next.data(), next.size());
  }
  return key;
}

/// "20150830T123600Z": ISO 8601 without separators.
std::string basic_time(WallNs at) {
  const std::time_t seconds = static_cast<std::time_t>(at / 1'000'000'000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  return {text, size};
}

/// Without blanks at the ends, runs of them inside as one.
std::string collapse(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c != ' ' && c != '\t')
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

/// Lower-case name → value; those of a repeated name joined in their order.
std::map<std::string, std::string> canonical_headers(const UnsignedRequest& request, const Headers& made) {
  std::map<std::string, std::string> out{{"host", collapse(request.host)}};
  for (const Headers* headers : {&request.headers, &made})
    for (const auto& [name, value] : *headers) {
      const auto [it, fresh] = out.try_emplace(lower(name));
      if (!fresh) it->second += ',';
      it->second += collapse(value);
    }
  return out;
}

std::string names_of(const std::map<std::string, std::string>& headers) {
  std::string names;
  for (const auto& [name, value] : headers) names += (names.empty() ? "" : ";") + name;
  return names;
}

std::string canonical_hash(const UnsignedRequest& request, std::map<std::string, std::string>& headers) {
  std::string text = request.method + "\n" + request.path + "\n" + canonical_query(request.query) + "\n";
  std::size_t size = text.size();
  for (const auto& [name, value] : headers) size += 2 * name.size() + value.size() + 3;
  text.reserve(size + request.payload_sha256.size() + 2);  // it holds the token: one buffer, to be wiped whole
  for (auto& [name, value] : headers) {
    text.append(name).append(":").append(value).append("\n");
    wipe(value);
  }
  text.append("\n").append(names_of(headers)).append("\n").append(request.payload_sha256);
  const std::string hash = to_hex(baseline::sha256(text));
  wipe(text);
  return hash;
}

}  // namespace

std::string canonical_query(const Headers& query) {
  Headers encoded;
  for (const auto& [name, value] : query) encoded.emplace_back(percent_encode(name), percent_encode(value));
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) out.append(out.empty() ? "" : "&").append(name).append("=").append(value);
  return out;
}

Headers sign(const UnsignedRequest& request, const SigningScope& scope, const Keys& keys, WallNs now) {
  const std::string time = basic_time(now);
  const std::string day = time.substr(0, 8);
  Headers made;
  made.emplace_back("x-amz-date", time);
  if (scope.service == "s3") made.emplace_back("x-amz-content-sha256", request.payload_sha256);
  if (!keys.session_token.empty()) made.emplace_back("x-amz-security-token", keys.session_token.view());

  auto headers = canonical_headers(request, made);
  const std::string names = names_of(headers);
  const std::string where = day + "/" + scope.region + "/" + scope.service + "/aws4_request";
  const std::string text =
      std::string(algorithm) + "\n" + time + "\n" + where + "\n" + canonical_hash(request, headers);
  Mac key = signing_key(keys.secret_access_key, day, scope);
  made.emplace_back("Authorization", std::string(algorithm) + " Credential=" + keys.access_key_id + "/" + where +
                                         ", SignedHeaders=" + names +
                                         ", Signature=" + to_hex(hmac_sha256(bytes_of(key), text)));
  OPENSSL_cleanse(key.data(), key.size());
  return made;
}

}  // namespace plumbline::fetch::aws

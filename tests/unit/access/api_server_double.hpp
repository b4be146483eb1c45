// A strict double of an API server's two reviews. The real one is asked in tests/e2e.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "access/review.hpp"
#include "tests/unit/fetch/strict_server.hpp"

namespace plumbline::access::test {

struct Account {
  std::string user, node, audience = "plumbline";
};

class ApiServer {
 public:
  std::map<std::string, Account> tokens;  ///< what is said of each
  std::set<std::string> allowed;          ///< "USER get /path"
  int status = 201;                       ///< of every answer
  std::string body;                       ///< not empty: of every answer

  /// `keep_open`: as a real one does; the double then serves one client at a time, for as long as that stays.
  explicit ApiServer(bool keep_open = true) : keep_open_(keep_open) {}

  std::string url() const { return server_.url(); }
  std::size_t asked() const { return server_.asked().size(); }
  std::size_t connections() const { return server_.connections(); }
  std::vector<std::string> problems() const { return server_.problems(); }
  template <class Change>
  void change(Change change) {
    server_.change([&] { change(*this); });
  }

 private:
  using Json = nlohmann::json;

  fetch::test::Reply answer(const fetch::test::Asked& asked) const {
    if (asked.method != "POST" || asked.header("content-type") != "application/json") return {400, "no review", {}};
    if (asked.header("authorization") != "Bearer ours") return {401, "{}", {}};
    if (status != 201) return {status, "{}", {}};
    if (!body.empty()) return {201, body, {}};
    Json json = Json::parse(asked.body, nullptr, false);
    if (json.is_discarded()) return {400, "no JSON", {}};
    const Json& spec = json["spec"];
    if (asked.target == token_review_path && json["kind"] == "TokenReview") {
      const auto known = tokens.find(spec.at("token"));
      json["status"] = {{"authenticated", false}};
      if (known != tokens.end() && spec.at("audiences") == Json::array({known->second.audience})) {
        Json extra = Json::object();
        if (!known->second.node.empty()) extra["authentication.kubernetes.io/node-name"] = {known->second.node};
        extra["authentication.kubernetes.io/pod-name"] = {"agent-x7"};
        json["status"] = {
            {"authenticated", true},
            {"user", {{"username", known->second.user}, {"groups", {"system:authenticated"}}, {"extra", extra}}},
            {"audiences", spec.at("audiences")}};
      }
    } else if (asked.target == access_review_path && json["kind"] == "SubjectAccessReview") {
      const Json& what = spec.at("nonResourceAttributes");
      json["status"] = {
          {"allowed", allowed.contains(spec.at("user").get<std::string>() + " " + what.at("verb").get<std::string>() +
                                       " " + what.at("path").get<std::string>())}};
    } else {
      return {404, "{}", {}};
    }
    return {201, json.dump(), {{"Content-Type", "application/json"}}};
  }

  const bool keep_open_;
  fetch::test::StrictServer server_{[this](const fetch::test::Asked& asked) { return answer(asked); }, keep_open_};
};

}  // namespace plumbline::access::test

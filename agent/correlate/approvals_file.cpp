// Approved runs over a restart of the agent: one small file beside the snapshot.
#include <cerrno>
#include <fstream>

#include "agent/correlate/approvals.hpp"
#include "include/util/replace_file.hpp"
#include "include/wire/json.hpp"

namespace plumbline::agent {
namespace {

using wire::Json;
using wire::JsonObject;
constexpr int version = 1;

std::string to_json(const Approval& a) {
  return JsonObject()
      .text("id", a.id)
      .bytes("principal", a.principal)
      .flag("verified", a.is_verified)
      .raw("baselines", wire::to_json(a.baselines))
      .raw("resources", wire::to_json(a.asked.resources))
      .raw("paths", wire::to_json(a.asked.paths))
      .raw("allowed_resources", wire::to_json(a.allowed.resources))
      .raw("allowed_paths", wire::to_json(a.allowed.paths))
      .number("pid", a.process.tgid)
      .number("start_boot_ns", a.process.start_boot_ns)
      .number("from", a.from)
      .number("until", a.until)
      .number("ended", a.ended)
      .str();
}

Approval approval_of(wire::detail::Reader& r) {
  Approval a;
  r.text("id", a.id, false);
  r.text("principal", a.principal);
  r.flag("verified", a.is_verified);
  r.texts("baselines", a.baselines);
  r.texts("resources", a.asked.resources);
  r.texts("paths", a.asked.paths);
  r.texts("allowed_resources", a.allowed.resources);
  r.texts("allowed_paths", a.allowed.paths);
  r.number("pid", a.process.tgid);
  r.number("start_boot_ns", a.process.start_boot_ns);
  r.number("from", a.from);
  r.number("until", a.until);
  r.number("ended", a.ended);
  return a;
}

UsedToken token_of(wire::detail::Reader& r) {
  UsedToken token;
  r.text("sha256", token.sha256, false);
  r.time("until", token.until);
  return token;
}

}  // namespace

Result<void> Approvals::save(const std::string& path, const std::string& boot_id) const {
  std::vector<std::string> approvals, tokens;
  for (const auto& approval : approvals_) approvals.push_back(to_json(approval));
  for (const auto& [sha256, until] : tokens_)
    tokens.push_back(JsonObject().text("sha256", sha256).text("until", rfc3339(until)).str());
  return replace_file(path, JsonObject()
                                .number("version", version)
                                .text("boot_id", boot_id)
                                .raw("approvals", wire::json_array(approvals))
                                .raw("used_tokens", wire::json_array(tokens))
                                .str());
}

Result<Approvals> Approvals::load(const std::string& path, const std::string& boot_id, const Options& options) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return io_error("read " + path, errno);
  const Json json = Json::parse(file, nullptr, false);
  const auto bad = [&](const std::string& why) {
    return Error{ErrorCode::corrupt, "read the approved runs of " + path, why, "it is kept beside; approve runs anew"};
  };
  if (!json.is_object()) return bad("not a JSON object");
  int found = 0;
  std::string boot;
  std::vector<Approval> approvals;
  std::vector<UsedToken> tokens;
  wire::detail::Reader r(json, "");
  r.number("version", found);
  r.text("boot_id", boot, false);
  r.list("approvals", approvals, approval_of);
  r.list("used_tokens", tokens, token_of);
  if (r.error()) return bad(r.error()->message());
  if (found != version) return bad("it has version " + std::to_string(found));
  if (approvals.size() > options.max_approvals || tokens.size() > options.max_tokens) return bad("it is too large");
  Approvals all(options);
  for (const auto& token : tokens) all.tokens_[token.sha256] = token.until;
  if (boot == boot_id) all.approvals_.assign(approvals.begin(), approvals.end());
  return all;
}

}  // namespace plumbline::agent

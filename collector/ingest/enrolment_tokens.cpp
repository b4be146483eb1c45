#include "collector/ingest/enrolment_tokens.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "access/token_file.hpp"
#include "include/util/hex.hpp"

namespace plumbline::collector {

bool is_node_name(const std::string& name) {
  return !name.empty() && name.size() <= 253 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '/'; });
}

Result<EnrolmentTokens::Made> EnrolmentTokens::make(const std::string& node, std::int64_t lasts_s) {
  const std::string what = "make an enrolment token for " + node;
  std::array<std::byte, 32> random{};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(random.data()), random.size()) != 1)
    return Error{ErrorCode::internal, what, "there is no randomness", ""};
  Made made{to_hex(random), {}};
  made.row = {to_hex(access::digest_of(made.token)), node, now() + lasts_s, ""};
  const auto added = store_.add_enrolment_token(made.row, now());
  if (!added) return added.error();
  if (!*added)
    return Error{ErrorCode::unavailable, what, std::to_string(max_enrolment_tokens) + " are in force",
                 "take some back, or let them end"};
  ++made_;
  return made;
}

Result<std::string> EnrolmentTokens::use(const std::string& token, const std::string& key) {
  const std::string what = "enrol with this token";
  const auto found = store_.use_enrolment_token(to_hex(access::digest_of(token)), key, now());
  if (!found) return found.error();
  if (!*found) {
    ++unknown_;
    return Error{ErrorCode::permission, what, "it is none of this collector's",
                 "make one: plumb token create --node NAME"};
  }
  const auto& [row, is_first] = **found;
  if (!row.used_by.empty() && row.used_by != key) {
    ++replayed_;
    return Error{ErrorCode::permission, what, "it was used already, for another key of " + row.node,
                 "make another; and find out who used it, if it was not that node"};
  }
  if (row.until <= now()) {
    ++expired_;
    return Error{ErrorCode::permission, what, "it has expired", "make another: plumb token create --node " + row.node};
  }
  if (is_first) ++used_;
  return row.node;
}

Result<void> EnrolmentTokens::remove(const std::string& id) {
  const auto removed = store_.remove_enrolment_token(id);
  if (!removed) return removed.error();
  if (*removed) return {};
  return Error{ErrorCode::not_found, "take back the token " + id, "there is none of that id",
               "plumb token list shows them"};
}

}  // namespace plumbline::collector

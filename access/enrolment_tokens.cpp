#include "access/enrolment_tokens.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "access/token_file.hpp"
#include "fetch/secret.hpp"
#include "include/util/hex.hpp"
#include "include/util/replace_file.hpp"

namespace plumbline::access {
namespace {

constexpr const char* first_line = "plumbline enrolment tokens 1";
constexpr std::size_t longest_file = std::size_t{8} << 20;
constexpr std::int64_t remembered_s = 30 * 86'400;  // what ended, so that a replay is called one

bool is_hex(const std::string& text, std::size_t size) {
  return text.size() == size && std::all_of(text.begin(), text.end(), [](char c) { return hex_value(c) >= 0; });
}

}  // namespace

bool is_node_name(const std::string& name) {
  return !name.empty() && name.size() <= 253 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '/'; });
}

Result<std::unique_ptr<EnrolmentTokens>> EnrolmentTokens::open(std::string file, const Clock& clock) {
  std::unique_ptr<EnrolmentTokens> tokens(new EnrolmentTokens(std::move(file), clock));
  const std::string what = "read the enrolment tokens in " + tokens->file_;
  const auto text = fetch::read_secret_file(what, tokens->file_, longest_file);
  if (!text && text.error().code == ErrorCode::not_found) return tokens;
  if (!text) return text.error();
  std::istringstream lines{std::string(text->view())};
  std::string line;
  bool is_fine = std::getline(lines, line) && line == first_line;
  while (is_fine && std::getline(lines, line)) {
    std::istringstream words(line);
    std::string digest, used_by;
    Row row;
    is_fine = static_cast<bool>(words >> digest >> row.until >> used_by >> row.node) && is_hex(digest, 64) &&
              (used_by == "-" || is_hex(used_by, 64)) && is_node_name(row.node);
    row.id = digest.substr(0, 16);
    if (used_by != "-") row.used_by = used_by;
    tokens->rows_.emplace(digest, std::move(row));
  }
  if (!is_fine)
    return Error{ErrorCode::corrupt, what, "it is damaged", "remove it: nodes that have a certificate keep it"};
  return tokens;
}

Result<void> EnrolmentTokens::save() const {
  std::string text = std::string(first_line) + "\n";
  for (const auto& [digest, row] : rows_)
    text += digest + " " + std::to_string(row.until) + " " + (row.used_by.empty() ? "-" : row.used_by) + " " +
            row.node + "\n";
  return replace_file(file_, text);
}

/// With the lock held. How many are in force.
std::size_t EnrolmentTokens::forget_old() {
  std::erase_if(rows_, [this](const auto& entry) { return entry.second.until + remembered_s < now(); });
  const auto in_force = [this](const auto& entry) { return entry.second.until > now(); };
  const auto count = static_cast<std::size_t>(std::count_if(rows_.begin(), rows_.end(), in_force));
  if (rows_.size() >= 2 * most) std::erase_if(rows_, [&](const auto& entry) { return !in_force(entry); });
  return count;
}

Result<EnrolmentTokens::Made> EnrolmentTokens::make(const std::string& node, std::int64_t lasts_s) {
  const std::string what = "make an enrolment token for " + node;
  std::array<std::byte, 32> random{};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(random.data()), random.size()) != 1)
    return Error{ErrorCode::internal, what, "there is no randomness", ""};
  Made made{to_hex(random), {}};
  const std::string digest = to_hex(digest_of(made.token));
  const std::lock_guard lock(mutex_);
  if (forget_old() >= most)
    return Error{ErrorCode::unavailable, what, std::to_string(most) + " are in force",
                 "take some back, or let them end"};
  made.row = {digest.substr(0, 16), node, now() + lasts_s, ""};
  rows_.emplace(digest, made.row);
  if (auto saved = save(); !saved) {
    rows_.erase(digest);
    return saved.error();
  }
  ++stats_.made;
  return made;
}

Result<std::string> EnrolmentTokens::use(const std::string& token, const std::string& key) {
  const std::string what = "enrol with this token";
  const std::string digest = to_hex(digest_of(token));
  const std::lock_guard lock(mutex_);
  const auto at = rows_.find(digest);
  if (at == rows_.end()) {
    ++stats_.unknown;
    return Error{ErrorCode::permission, what, "it is none of this collector's",
                 "make one: plumb token create --node NAME"};
  }
  Row& row = at->second;
  if (!row.used_by.empty() && row.used_by != key) {
    ++stats_.replayed;
    return Error{ErrorCode::permission, what, "it was used already, for another key of " + row.node,
                 "make another; and find out who used it, if it was not that node"};
  }
  if (row.until <= now()) {
    ++stats_.expired;
    return Error{ErrorCode::permission, what, "it has expired", "make another: plumb token create --node " + row.node};
  }
  if (row.used_by == key) return row.node;
  row.used_by = key;
  if (auto saved = save(); !saved) {
    row.used_by.clear();
    return saved.error();
  }
  ++stats_.used;
  return row.node;
}

Result<void> EnrolmentTokens::remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto at = std::find_if(rows_.begin(), rows_.end(), [&](const auto& entry) { return entry.second.id == id; });
  if (at == rows_.end())
    return Error{ErrorCode::not_found, "take back the token " + id, "there is none of that id",
                 "plumb token list shows them"};
  const auto kept = *at;
  rows_.erase(at);
  auto saved = save();
  if (!saved) rows_.insert(kept);
  return saved;
}

std::vector<EnrolmentTokens::Row> EnrolmentTokens::rows() const {
  const std::lock_guard lock(mutex_);
  std::vector<Row> all;
  for (const auto& [digest, row] : rows_) all.push_back(row);
  return all;
}

EnrolmentTokens::Stats EnrolmentTokens::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace plumbline::access

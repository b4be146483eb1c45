#include "collector/store/sqlite_enrolment.hpp"

#include <algorithm>
#include <cstring>

#include "collector/store/sqlite_writer.hpp"

namespace plumbline::collector {
namespace {

constexpr const char* token_columns = "SELECT digest, node, until, used_by FROM enrolment_tokens";

EnrolmentToken token_row(const Statement& row) {
  return {row.text(0), row.text(1), row.number(2), row.text(3)};
}

}  // namespace

Result<std::vector<EnrolmentToken>> read_tokens(Database& database) {
  auto find = database.prepare(std::string(token_columns) + " ORDER BY digest");
  if (!find) return find.error();
  std::vector<EnrolmentToken> tokens;
  for (;;) {
    const auto row = find->step();
    if (!row) return row.error();
    if (!*row) return tokens;
    tokens.push_back(token_row(*find));
  }
}

Result<std::vector<Revocation>> read_revocations(Database& database) {
  auto find = database.prepare("SELECT node, before, by, reason FROM revocations ORDER BY node");
  if (!find) return find.error();
  std::vector<Revocation> all;
  for (;;) {
    const auto row = find->step();
    if (!row) return row.error();
    if (!*row) return all;
    all.push_back({find->text(0), find->number(1), find->text(2), find->text(3)});
  }
}

Result<HandoutNumber> read_handout(Database& database) {
  auto find = database.prepare("SELECT sequence, content FROM handout");
  if (!find) return find.error();
  const auto row = find->step();
  if (!row) return row.error();
  HandoutNumber number;
  if (!*row) return number;
  number.sequence = find->count(0);
  const std::string content = find->text(1);
  std::memcpy(number.content.data(), content.data(), std::min(content.size(), number.content.size()));
  return number;
}

Result<std::size_t> SqliteWriter::count_tokens(std::int64_t after) {
  auto count = database_.prepare("SELECT count(*) FROM enrolment_tokens WHERE until > ?1");
  if (!count) return count.error();
  const auto row = count->bind(1, after).step();
  if (!row) return row.error();
  return static_cast<std::size_t>(count->number(0));
}

Result<void> SqliteWriter::forget_tokens(std::int64_t until) {
  auto forget = database_.prepare("DELETE FROM enrolment_tokens WHERE until <= ?1");
  if (!forget) return forget.error();
  return forget->bind(1, until).run();
}

Result<void> SqliteWriter::insert_token(const EnrolmentToken& token) {
  auto add = database_.prepare("INSERT INTO enrolment_tokens (digest, node, until, used_by) VALUES (?1, ?2, ?3, ?4)");
  if (!add) return add.error();
  return add->bind(1, token.digest).bind(2, token.node).bind(3, token.until).bind(4, token.used_by).run();
}

Result<std::optional<EnrolmentToken>> SqliteWriter::find_token(const std::string& digest) {
  auto find = database_.prepare(std::string(token_columns) + " WHERE digest = ?1");
  if (!find) return find.error();
  const auto row = find->bind(1, digest).step();
  if (!row) return row.error();
  return *row ? std::optional(token_row(*find)) : std::nullopt;
}

Result<void> SqliteWriter::set_token_used(const std::string& digest, const std::string& key) {
  auto set = database_.prepare("UPDATE enrolment_tokens SET used_by = ?2 WHERE digest = ?1");
  if (!set) return set.error();
  return set->bind(1, digest).bind(2, key).run();
}

Result<bool> SqliteWriter::remove_token(const std::string& id) {
  auto remove = database_.prepare("DELETE FROM enrolment_tokens WHERE substr(digest, 1, 16) = ?1");
  if (!remove) return remove.error();
  if (const auto removed = remove->bind(1, id).run(); !removed) return removed.error();
  return database_.changes() > 0;
}

Result<std::size_t> SqliteWriter::count_revocations(const std::string& but_of) {
  auto count = database_.prepare("SELECT count(*) FROM revocations WHERE node <> ?1");
  if (!count) return count.error();
  if (const auto row = count->bind(1, but_of).step(); !row) return row.error();
  return static_cast<std::size_t>(count->number(0));
}

Result<void> SqliteWriter::save_revocation(const Revocation& revocation) {
  auto save = database_.prepare(
      "INSERT INTO revocations (node, before, by, reason) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (node) DO UPDATE"
      " SET before = max(before, excluded.before), by = excluded.by, reason = excluded.reason");
  if (!save) return save.error();
  return save->bind(1, revocation.node)
      .bind(2, revocation.before)
      .bind(3, revocation.by)
      .bind(4, revocation.reason)
      .run();
}

Result<void> SqliteWriter::forget_tokens_of(const std::string& node) {
  auto forget = database_.prepare("DELETE FROM enrolment_tokens WHERE node = ?1");
  if (!forget) return forget.error();
  return forget->bind(1, node).run();
}

Result<HandoutNumber> SqliteWriter::find_handout() {
  return read_handout(database_);
}

Result<void> SqliteWriter::set_handout(const HandoutNumber& number) {
  auto set = database_.prepare(
      "INSERT INTO handout (one, sequence, content) VALUES (1, ?1, ?2)"
      " ON CONFLICT (one) DO UPDATE SET sequence = excluded.sequence, content = excluded.content");
  if (!set) return set.error();
  return set->bind(1, number.sequence).bind(2, number.content).run();
}

}  // namespace plumbline::collector

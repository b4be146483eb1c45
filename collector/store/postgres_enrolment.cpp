#include "collector/store/postgres_enrolment.hpp"

#include <algorithm>
#include <cstring>

#include "collector/store/postgres_writer.hpp"

namespace plumbline::collector {
namespace {

constexpr const char* token_columns = "SELECT digest, node, until, used_by FROM enrolment_tokens";
constexpr const char* handout_columns = "SELECT sequence, content FROM handout";

EnrolmentToken token_row(const PgRows& rows, int row) {
  return {rows.text(row, 0), rows.text(row, 1), rows.number(row, 2), rows.text(row, 3)};
}

Result<HandoutNumber> number_of(const Result<PgRows>& rows) {
  if (!rows) return rows.error();
  HandoutNumber number;
  if (rows->empty()) return number;
  number.sequence = rows->count(0, 0);
  const std::string content = rows->text(0, 1);
  std::memcpy(number.content.data(), content.data(), std::min(content.size(), number.content.size()));
  return number;
}

}  // namespace

Result<std::vector<EnrolmentToken>> read_tokens(PgConnection& connection) {
  const auto rows = connection.run(std::string(token_columns) + " ORDER BY digest");
  if (!rows) return rows.error();
  std::vector<EnrolmentToken> tokens;
  for (int row = 0; row < rows->size(); ++row) tokens.push_back(token_row(*rows, row));
  return tokens;
}

Result<std::vector<Revocation>> read_revocations(PgConnection& connection) {
  const auto rows = connection.run("SELECT node, before, by, reason FROM revocations ORDER BY node");
  if (!rows) return rows.error();
  std::vector<Revocation> all;
  for (int row = 0; row < rows->size(); ++row)
    all.push_back({rows->text(row, 0), rows->number(row, 1), rows->text(row, 2), rows->text(row, 3)});
  return all;
}

Result<HandoutNumber> read_handout(PgConnection& connection) {
  return number_of(connection.run(handout_columns));
}

// Each looks under the lock of the ledger's end, as all writers do: so two that come with one token, or with other
// content to hand out, are one after the other, and nobody waits for two locks.

Result<std::size_t> PostgresWriter::count_tokens(std::int64_t after) {
  if (auto locked = lock_ledger(); !locked) return locked.error();
  const auto count = run("SELECT count(*) FROM enrolment_tokens WHERE until > $1", PgParams().add(after));
  if (!count) return count.error();
  return static_cast<std::size_t>(count->number(0, 0));
}

Result<void> PostgresWriter::forget_tokens(std::int64_t until) {
  if (auto locked = lock_ledger(); !locked) return locked;
  const auto forgot = run("DELETE FROM enrolment_tokens WHERE until <= $1", PgParams().add(until));
  if (!forgot) return forgot.error();
  return {};
}

Result<void> PostgresWriter::insert_token(const EnrolmentToken& token) {
  const auto added = run("INSERT INTO enrolment_tokens (digest, node, until, used_by) VALUES ($1, $2, $3, $4)",
                         PgParams().add(token.digest).add(token.node).add(token.until).add(token.used_by));
  if (!added) return added.error();
  return {};
}

Result<std::optional<EnrolmentToken>> PostgresWriter::find_token(const std::string& digest) {
  if (auto locked = lock_ledger(); !locked) return locked.error();
  const auto found = run(std::string(token_columns) + " WHERE digest = $1", PgParams().add(digest));
  if (!found) return found.error();
  return found->empty() ? std::nullopt : std::optional(token_row(*found, 0));
}

Result<void> PostgresWriter::set_token_used(const std::string& digest, const std::string& key) {
  const auto set = run("UPDATE enrolment_tokens SET used_by = $2 WHERE digest = $1", PgParams().add(digest).add(key));
  if (!set) return set.error();
  return {};
}

Result<bool> PostgresWriter::remove_token(const std::string& id) {
  if (auto locked = lock_ledger(); !locked) return locked.error();
  const auto removed = run("DELETE FROM enrolment_tokens WHERE left(digest, 16) = $1", PgParams().add(id));
  if (!removed) return removed.error();
  return removed->changed() > 0;
}

Result<std::size_t> PostgresWriter::count_revocations(const std::string& but_of) {
  if (auto locked = lock_ledger(); !locked) return locked.error();
  const auto count = run("SELECT count(*) FROM revocations WHERE node <> $1", PgParams().add(but_of));
  if (!count) return count.error();
  return static_cast<std::size_t>(count->number(0, 0));
}

Result<void> PostgresWriter::save_revocation(const Revocation& revocation) {
  const auto saved =
      run("INSERT INTO revocations (node, before, by, reason) VALUES ($1, $2, $3, $4) ON CONFLICT (node) DO UPDATE"
          " SET before = greatest(revocations.before, excluded.before), by = excluded.by, reason = excluded.reason",
          PgParams().add(revocation.node).add(revocation.before).add(revocation.by).add(revocation.reason));
  if (!saved) return saved.error();
  return {};
}

Result<void> PostgresWriter::forget_tokens_of(const std::string& node) {
  const auto forgot = run("DELETE FROM enrolment_tokens WHERE node = $1", PgParams().add(node));
  if (!forgot) return forgot.error();
  return {};
}

Result<HandoutNumber> PostgresWriter::find_handout() {
  if (auto locked = lock_ledger(); !locked) return locked.error();
  return number_of(run(handout_columns));
}

Result<void> PostgresWriter::set_handout(const HandoutNumber& number) {
  const auto set =
      run("INSERT INTO handout (sequence, content) VALUES ($1, $2) ON CONFLICT (one) DO UPDATE"
          " SET sequence = excluded.sequence, content = excluded.content",
          PgParams().add(number.sequence).add(std::span<const std::byte>(number.content)));
  if (!set) return set.error();
  return {};
}

}  // namespace plumbline::collector

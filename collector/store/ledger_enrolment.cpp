// Enrolment tokens, certificates that were taken back and the number of what is handed out, as LedgerWriter writes
// them. None of it is in the ledger.
#include <algorithm>

#include "collector/store/ledger_writer.hpp"

namespace plumbline::collector {

Result<bool> LedgerWriter::add_token(const EnrolmentToken& token, std::int64_t now) {
  if (const auto forgot = forget_tokens(now - enrolment_remembered_s); !forgot) return forgot.error();
  const auto in_force = count_tokens(now), all = count_tokens(0);
  if (!in_force) return in_force.error();
  if (!all) return all.error();
  if (*in_force >= max_enrolment_tokens) return false;
  if (*all >= 2 * max_enrolment_tokens)
    if (const auto forgot = forget_tokens(now); !forgot) return forgot.error();
  if (const auto added = insert_token(token); !added) return added.error();
  return true;
}

Result<std::optional<EnrolmentUse>> LedgerWriter::use_token(const std::string& digest, const std::string& key,
                                                            std::int64_t now) {
  auto found = find_token(digest);
  if (!found) return found.error();
  if (!*found) return std::optional<EnrolmentUse>();
  EnrolmentUse use{std::move(**found), false};
  if (!use.token.used_by.empty() || use.token.until <= now) return std::optional(std::move(use));
  if (const auto set = set_token_used(digest, key); !set) return set.error();
  use.token.used_by = key;
  use.is_first = true;
  return std::optional(std::move(use));
}

Result<bool> LedgerWriter::revoke_node(const Revocation& revocation) {
  const auto others = count_revocations(revocation.node);
  if (!others) return others.error();
  if (*others >= max_revocations) return false;
  if (const auto saved = save_revocation(revocation); !saved) return saved.error();
  // One that was used is good for the same key once more, and the key may be in the same hands.
  if (const auto forgot = forget_tokens_of(revocation.node); !forgot) return forgot.error();
  return true;
}

Result<std::uint64_t> LedgerWriter::number_handout(const Digest& content, std::uint64_t at_least) {
  const auto last = find_handout();
  if (!last) return last.error();
  if (last->sequence != 0 && last->content == content) return last->sequence;
  const std::uint64_t next = std::max(last->sequence + 1, at_least);
  if (const auto set = set_handout({next, content}); !set) return set.error();
  return next;
}

}  // namespace plumbline::collector

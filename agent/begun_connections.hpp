// TLS connections that begin on this node, and those to clouds of which no more is seen.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/decode/dns_names.hpp"
#include "agent/decode/unseen_hosts.hpp"
#include "agent/source/dns_answers.hpp"
#include "agent/source/hellos.hpp"
#include "include/util/clock.hpp"

namespace plumbline::agent {

/// Whom a connection is with: by the name in its ClientHello; where that has none or is encrypted, by the name that DNS
/// gave its address to. One thread at a time.
class BegunConnections {
 public:
  struct Options {
    UnseenHosts::Options unseen;
    DnsNames::Options names;
  };
  struct Counts {
    hello_counters hellos{};
    dns_counters answers{};
    std::uint64_t unnamed = 0;          ///< connections that began without a name that can be read
    std::uint64_t named_by_dns = 0;     ///< of them, those whose address DNS had given
    std::uint64_t names_ambiguous = 0;  ///< … whose address DNS had given for several services
    std::uint64_t names_crowded = 0;    ///< names that made room for others before their time
    std::uint64_t unseen = 0;           ///< to a cloud, of which no plaintext was seen
    std::uint64_t unseen_crowded = 0;   ///< … that may be, and were too many to wait for
  };

  /// `hellos` nullptr: nothing is told; `answers` nullptr: nor of those without a name.
  BegunConnections(std::unique_ptr<Hellos> hellos, std::unique_ptr<DnsAnswers> answers, const Options& options,
                   UnseenHosts::Tell tell, const Clock& clock);

  int hellos_fd() const { return hellos_ ? hellos_->ring_fd() : -1; }  ///< readable when there is something to take
  int answers_fd() const { return answers_ ? answers_->ring_fd() : -1; }
  void take();
  /// Plaintext of a process was seen, at that boot time.
  void heard(std::uint32_t tgid, std::uint64_t at_boot_ns) { unseen_.heard(tgid, at_boot_ns); }
  /// Whether a process asked for a cloud's host: UnseenHosts::has_asked().
  bool has_asked(const mark_actor& actor) const { return unseen_.has_asked(actor); }
  /// Tells of those that waited for long enough. `now`: boot ns.
  void expire(std::int64_t now) { unseen_.expire(now); }
  Counts counts() const;

 private:
  void take_answers();
  void begun(const hello_record& record);

  const Clock& clock_;
  std::unique_ptr<Hellos> hellos_;
  std::unique_ptr<DnsAnswers> answers_;
  DnsNames names_;
  UnseenHosts unseen_;
  std::uint64_t unnamed_ = 0, named_by_dns_ = 0;
};

}  // namespace plumbline::agent

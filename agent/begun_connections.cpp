#include "agent/begun_connections.hpp"

#include <algorithm>
#include <utility>

#include "agent/decode/client_hello.hpp"

namespace plumbline::agent {

BegunConnections::BegunConnections(std::unique_ptr<Hellos> hellos, std::unique_ptr<DnsAnswers> answers,
                                   const Options& options, UnseenHosts::Tell tell, const Clock& clock)
    : clock_(clock),
      hellos_(std::move(hellos)),
      answers_(std::move(answers)),
      names_(options.names),
      unseen_(options.unseen, std::move(tell)) {}

void BegunConnections::take() {
  take_answers();
  if (hellos_) hellos_->consume([this](const hello_record& record) { begun(record); });
}

void BegunConnections::take_answers() {
  if (!answers_) return;
  answers_->consume([this](const dns_record& record) {
    if (const auto answer = dns_answer({record.data, record.kept})) names_.learn(record.net_ns, *answer, clock_.boot());
  });
}

void BegunConnections::begun(const hello_record& record) {
  const std::string_view hello{record.data, record.kept};
  const auto host = server_name(hello);
  if (host && (cloud::named_host(*host) || !has_encrypted_hello(hello))) return unseen_.begun(record.actor, *host);
  unnamed_ += host ? 0 : 1;
  // The answer came before its connection, and so may have come since the last turn.
  take_answers();
  IpAddress address{};
  std::copy(std::begin(record.address), std::end(record.address), address.begin());
  const auto name = names_.name_of(record.net_ns, address, clock_.boot());
  if (!name) return;
  ++named_by_dns_;
  unseen_.begun(record.actor, *name, HostBy::dns);
}

BegunConnections::Counts BegunConnections::counts() const {
  Counts counts;
  if (hellos_) counts.hellos = hellos_->read_counters();
  if (answers_) counts.answers = answers_->read_counters();
  counts.unnamed = unnamed_;
  counts.named_by_dns = named_by_dns_;
  counts.names_ambiguous = names_.ambiguous();
  counts.names_crowded = names_.crowded();
  counts.unseen = unseen_.unseen();
  counts.unseen_crowded = unseen_.crowded();
  return counts;
}

}  // namespace plumbline::agent

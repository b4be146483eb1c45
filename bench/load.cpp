#include "bench/load.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "tests/unit/collector/client.hpp"

namespace plumbline::bench {
namespace {

using Steady = std::chrono::steady_clock;
using collector::test::Client;

// As short as what is turned away once more may cost the collector nothing to speak of; agents rest longer.
constexpr auto rest = std::chrono::milliseconds(250);

double seconds_since(Steady::time_point begin) {
  return std::chrono::duration<double>(Steady::now() - begin).count();
}

bool asks_to_wait(int status) {
  return status == 429 || status == 503;
}

}  // namespace

Load send_all(const Target& target, const std::vector<Payload>& payloads, std::size_t connections, double rate) {
  std::vector<Load> parts(connections);
  std::vector<std::size_t> before(payloads.size() + 1, 0);  // findings in front of each
  for (std::size_t i = 0; i < payloads.size(); ++i) before[i + 1] = before[i] + payloads[i].rows.size();
  const auto begin = Steady::now();
  const auto send_part = [&](std::size_t c) {
    Client client(target.port);
    Load& part = parts[c];
    for (std::size_t i = c; i < payloads.size(); i += connections) {
      auto due = Steady::now();
      if (rate > 0) {
        due = begin + std::chrono::duration_cast<Steady::duration>(
                          std::chrono::duration<double>(static_cast<double>(before[i]) / rate));
        std::this_thread::sleep_until(due);
      }
      auto reply = client.request("POST", target.path, payloads[i].body, target.headers);
      for (; reply && asks_to_wait(reply->status); ++part.turned_away) {
        std::this_thread::sleep_for(rest);
        reply = client.request("POST", target.path, payloads[i].body, target.headers);
      }
      if (!reply) return;
      if (reply->status < 200 || reply->status > 299) {
        std::fprintf(stderr, "not acknowledged: %d %s\n", reply->status, reply->body.c_str());
        return;
      }
      part.ack_ms.push_back(seconds_since(due) * 1000);
      part.acked.push_back(i);
      part.findings += payloads[i].rows.size();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t c = 0; c < connections; ++c) threads.emplace_back(send_part, c);
  for (auto& thread : threads) thread.join();
  Load load;
  load.seconds = seconds_since(begin);
  for (const Load& part : parts) {
    load.findings += part.findings;
    load.turned_away += part.turned_away;
    load.acked.insert(load.acked.end(), part.acked.begin(), part.acked.end());
    load.ack_ms.insert(load.ack_ms.end(), part.ack_ms.begin(), part.ack_ms.end());
  }
  std::sort(load.ack_ms.begin(), load.ack_ms.end());
  return load;
}

}  // namespace plumbline::bench

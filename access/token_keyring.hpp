// The keys of issuers, by which bearer tokens are proven, kept up to date.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "access/access_config.hpp"
#include "cloud/token_keys.hpp"
#include "fetch/origin.hpp"

namespace plumbline::access {

/// Asks each place now and then, on a thread of its own. What a place said last stays in force while it cannot be
/// asked. All public functions are for any thread.
class TokenKeyring {
 public:
  struct Place {
    std::string from;  ///< as the configuration names it
    std::unique_ptr<fetch::Origin> origin;
    cloud::TokenIssuer issuer = {};
  };
  /// How it stands with one of them.
  struct Row {
    std::string from;
    std::size_t keys = 0;
    std::string why;  ///< why they are none, or old ones; "" = they are as it said last
  };
  struct Intervals {
    std::chrono::milliseconds next{600'000}, retry{30'000};
  };
  /// Told of a place whenever how it stands with it has changed, on the keyring's thread.
  using Tell = std::function<void(const Row& row)>;

  /// `stop` is asked for when it ends, as the origins' FetchLimits were told. Not started.
  TokenKeyring(std::vector<Place> places, std::stop_source stop, Intervals intervals, Tell tell = nullptr);
  ~TokenKeyring();
  TokenKeyring(const TokenKeyring&) = delete;
  TokenKeyring& operator=(const TokenKeyring&) = delete;

  void start();
  /// nullptr: there are none.
  std::shared_ptr<const cloud::TokenKeys> keys() const;
  std::vector<Row> rows() const;

  /// `key` is where the configuration names the places. Errors (`invalid_argument`) name the place. None: nullptr.
  static Result<std::unique_ptr<TokenKeyring>> make(const std::vector<TokenKeysConfig>& places, const std::string& key,
                                                    Tell tell = nullptr);

 private:
  struct Held {
    Place place;
    std::string version, jwks, why;  // why: of the last try
    std::size_t keys = 0;
  };
  void run();
  bool ask(Held& held);
  void rebuild();

  const Intervals intervals_;
  const Tell tell_;
  std::stop_source stop_;
  std::vector<Held> held_;  // the thread's own; of them rows_ tells
  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  std::shared_ptr<const cloud::TokenKeys> keys_;
  std::vector<Row> rows_;
  std::thread thread_;
};

}  // namespace plumbline::access

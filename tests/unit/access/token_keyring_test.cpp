#include "access/token_keyring.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "tests/unit/support/issuer.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::access {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
constexpr std::int64_t now = 1'800'000'000;

/// Says what the test wants, and then stops saying it.
class FakeOrigin final : public fetch::Origin {
 public:
  explicit FakeOrigin(std::function<Result<std::string>()> says) : says_(std::move(says)) {}
  Result<fetch::Fetched> fetch(const std::string& known,
                               const std::function<Result<void>(std::string_view bytes)>& take) override {
    auto text = says_();
    if (!text) return text.error();
    if (*text == known) return fetch::Fetched{true, known};
    if (auto taken = take(*text); !taken) return taken.error();
    return fetch::Fetched{false, *text};
  }

 private:
  const std::function<Result<std::string>()> says_;
};

class TokenKeyringTest : public ::testing::Test {
 protected:
  static void wait(const std::function<bool()>& condition) {
    while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void set(Result<std::string> what) {
    const std::lock_guard lock(mutex_);
    said_ = std::move(what);
  }
  TokenKeyring::Place fake() {
    return {"https://issuer.example/keys",
            std::make_unique<FakeOrigin>([this] {
              const std::lock_guard lock(mutex_);
              return said_;
            }),
            {}};
  }
  static std::unique_ptr<TokenKeyring> started(std::vector<TokenKeyring::Place> places) {
    auto keyring = std::make_unique<TokenKeyring>(
        std::move(places), std::stop_source(),
        TokenKeyring::Intervals{std::chrono::milliseconds(2), std::chrono::milliseconds(2)});
    keyring->start();
    return keyring;
  }
  static bool proves(const TokenKeyring& keyring, const Issuer& issuer) {
    const auto keys = keyring.keys();
    return keys && keys->prove(issuer.token(R"({"exp":)" + std::to_string(now + 60) + "}"), now);
  }

  const Issuer first_{"ES256", "one"}, second_{"ES256", "two"};
  std::mutex mutex_;
  Result<std::string> said_ = std::string();
  const TempDir dir_;
};

TEST_F(TokenKeyringTest, follows_what_the_issuer_says_and_keeps_it_while_he_says_nothing) {
  set(first_.jwks());
  std::vector<TokenKeyring::Place> places;
  places.push_back(fake());
  const auto keyring = started(std::move(places));
  wait([&] { return proves(*keyring, first_); });
  EXPECT_FALSE(proves(*keyring, second_));
  set(Error{ErrorCode::unavailable, "ask the issuer", "it is down", ""});
  wait([&] { return keyring->rows()[0].why.find("it is down") != std::string::npos; });
  EXPECT_TRUE(proves(*keyring, first_));
  EXPECT_EQ(keyring->rows()[0].keys, 1U);
  set(second_.jwks());
  wait([&] { return proves(*keyring, second_); });
  EXPECT_FALSE(proves(*keyring, first_)) << "a key that is withdrawn proves nothing";
  EXPECT_EQ(keyring->rows()[0].why, "");
  set(std::string("{}"));
  wait([&] { return keyring->rows()[0].why.find("no JWK set") != std::string::npos; });
  EXPECT_TRUE(proves(*keyring, second_));
}

TEST_F(TokenKeyringTest, of_a_file_and_of_an_issuer_together) {
  set(first_.jwks());
  dir_.write("keys.json", second_.jwks());
  auto of_file = TokenKeyring::make({{dir_ / "keys.json", "", "", "", true}}, "calls.token_keys");
  ASSERT_TRUE(of_file) << of_file.error().message();
  (*of_file)->start();
  wait([&] { return proves(**of_file, second_); });
  EXPECT_FALSE(proves(**of_file, first_));
}

TEST_F(TokenKeyringTest, names_the_place_that_is_none) {
  const auto none = TokenKeyring::make({{"kubernetes", "", "", "", true}}, "calls.token_keys");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message(), HasSubstr("calls.token_keys, kubernetes: "));
  EXPECT_THAT(none.error().message(), HasSubstr("the agent runs in no cluster"));
  EXPECT_EQ(TokenKeyring::make({}, "calls.token_keys").value(), nullptr) << "nothing is asked for";
  std::vector<std::string> told;
  auto missing = TokenKeyring::make({{dir_ / "missing.json", "", "", "", true}}, "calls.token_keys",
                                    [&](const TokenKeyring::Row& row) { told.push_back(row.why); });
  ASSERT_TRUE(missing);
  EXPECT_EQ((*missing)->rows()[0].why, "not asked yet");
  (*missing)->start();
  wait([&] { return (*missing)->rows()[0].why != "not asked yet"; });
  EXPECT_THAT((*missing)->rows()[0].why, HasSubstr("No such file"));
  EXPECT_EQ((*missing)->keys(), nullptr);
  missing->reset();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told[0], HasSubstr("No such file"));
}

}  // namespace
}  // namespace plumbline::access

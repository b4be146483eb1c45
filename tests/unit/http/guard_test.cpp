// Who is asked about before a request is served, and what becomes of those who are turned away or say nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "http/client.hpp"
#include "http/server.hpp"
#include "tests/unit/http/raw_client.hpp"
#include "tests/unit/support/certificates.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::http {
namespace {

using test::RawClient;
using ::testing::HasSubstr;
using ::testing::Not;

void eventually(const std::function<bool()>& holds) {
  while (!holds()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

class Guarded : public ::testing::Test {
 protected:
  void start(Guard guard, ServerOptions options = {}) {
    server_ = std::make_unique<Server>(options);
    server_->route("GET", "/read", [](const Request& r) { return text_response(r.caller ? r.caller->name : "nobody"); },
                   {.need = Need::read});
    server_->route("GET", "/forgotten", [](const Request&) { return text_response("x"); });
    server_->route("GET", "/open", [](const Request& r) { return text_response(r.caller ? r.caller->name : "nobody"); },
                   {.need = Need::nothing});
    server_->route("POST", "/report", [](const Request& r) { return text_response(r.body); },
                   {.body_limit = 1 << 20, .need = Need::report});
    server_->route_stream("GET", "/events", [](const Request&) { return StreamResponse{}; }, {.need = Need::read});
    server_->set_guard(std::move(guard));
    port_ = server_->listen_tcp("127.0.0.1", 0).value();
    server_->start();
  }
  Response get(const std::string& target) const {
    return Client(parse_endpoint("http://127.0.0.1:" + std::to_string(port_)).value()).get(target).value();
  }
  static Admission yes(const std::string& name) { return {std::make_shared<const Caller>(Caller{name, true, {}}), {}}; }
  static Admission no() {
    return {nullptr, problem(401, {ErrorCode::permission, "let the request in", "nobody knows you", ""})};
  }

  std::unique_ptr<Server> server_;
  std::uint16_t port_ = 0;
};

TEST_F(Guarded, each_route_is_asked_about_by_what_it_needs) {
  start([](const Request& request, Need need, const std::function<void(Admission)>& admit) {
    EXPECT_NE(request.path, "/open");
    admit(need == Need::read ? yes("jo") : no());
  });
  EXPECT_EQ(get("/read").body, "jo");
  EXPECT_EQ(get("/forgotten").status, 401) << "what says nothing needs the most";
  EXPECT_EQ(get("/open").body, "nobody");
  EXPECT_EQ(get("/none").status, 404);
}

TEST_F(Guarded, who_is_turned_away_need_not_send_his_body) {
  start([](const Request&, Need, const std::function<void(Admission)>& admit) { admit(no()); });
  RawClient client(port_);
  client.send("POST /report HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_THAT(client.response(), HasSubstr("401 Unauthorized"));
  RawClient waiting(port_);
  waiting.send("POST /report HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_THAT(waiting.response(), Not(HasSubstr("100 Continue")));
}

TEST_F(Guarded, one_connection_goes_on_after_a_refusal) {
  std::atomic<int> asked = 0;
  start([&](const Request&, Need, const std::function<void(Admission)>& admit) {
    admit(++asked == 1 ? no() : yes("jo"));
  });
  RawClient client(port_);
  client.send("GET /read HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.response(), HasSubstr("401"));
  client.send("GET /read HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.response(), HasSubstr("200"));
  EXPECT_EQ(server_->stats().accepted, 1U);
}

TEST_F(Guarded, an_answer_may_come_later_and_from_elsewhere_or_not_at_all) {
  std::promise<std::function<void(Admission)>> asked;
  start([&](const Request& request, Need, std::function<void(Admission)> admit) {
    if (request.query.empty()) asked.set_value(std::move(admit));
  });
  std::thread client([&] { EXPECT_EQ(get("/read").body, "late"); });
  auto admit = asked.get_future().get();
  admit(yes("late"));
  client.join();
  admit(yes("twice, which nobody hears"));
  EXPECT_EQ(get("/read?dropped=1").status, 500) << "who is forgotten is told so";
  EXPECT_EQ(server_->stats().handler_failures, 1U);
}

TEST_F(Guarded, nobody_waits_for_a_guard_for_ever) {
  ServerOptions options;
  options.answer_timeout = std::chrono::milliseconds(50);
  std::promise<std::function<void(Admission)>> asked;
  start([&](const Request&, Need, std::function<void(Admission)> admit) { asked.set_value(std::move(admit)); },
        options);
  EXPECT_EQ(get("/read").status, 503);
  asked.get_future().get()(yes("too late"));
}

TEST(SlowTls, who_says_nothing_or_half_a_hello_is_cut_and_counted) {
  const TempDir dir;
  const plumbline::test::Authority authority;
  authority.issue(dir / "server.pem", dir / "server.key", {"server", "DNS:localhost"});
  ServerOptions options;
  options.header_timeout = std::chrono::milliseconds(50);
  Server server(options);
  server.route("GET", "/read", [](const Request&) { return text_response("x"); }, {.need = Need::read});
  const auto port =
      server.listen_tls("127.0.0.1", 0, ServerTls::load({dir / "server.pem", dir / "server.key", "", ""}).value())
          .value();
  server.start();
  RawClient silent(port), half(port);
  half.send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9));  // of a ClientHello with 508 bytes
  eventually([&] { return server.stats().tls_failures == 2; });
  eventually([&] { return server.stats().connections == 0; });
  EXPECT_EQ(server.stats().requests, 0U);
}

}  // namespace
}  // namespace plumbline::http

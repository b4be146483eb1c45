// Which request of an HTTP/1.1 connection a response answers.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "agent/decode/http_engine.hpp"

namespace plumbline::agent {

struct Http1Request {
  OpenExchange open;
  std::string method;  // also once the request was delivered: a response's body depends on it
  bool expects_continue = false;
  bool may_be_h2c = false;
  bool after_hole = false;  // requests may be missing before it
};

/// Responses come in the order of their requests (RFC 9112, section 9.3.2), and as long as nothing is lost that is all
/// there is to it. After a loss:
///
///   - there are never more answers than requests: where all requests are known, one alone waits and what was lost
///   began
///     within another's body, a response is its own. Not so after a lost head: a server may say one thing more (408) as
///     it closes;
///   - otherwise it is not known how many requests or answers are missing. Clients that wait for each answer before
///   they ask
///     again (all cloud clients that we know) give it away: the response that comes after a request, with nothing in
///     between and with another request behind it, is its own. Such a pair is *held* until that other request was seen;
///     a second response instead of it, or the end of the connection, refutes it;
///   - a connection on which two requests were seen to wait is one that pipelines. It is never trusted again after a
///   loss.
///
/// What is left open: a client that pipelines and has always the same number of requests under way, two of which were
/// lost at once before two were ever seen to wait.
class Http1Pairing {
 public:
  /// Delivers the request, with its response or without.
  using Close = std::function<void(Http1Request&, bool with_response)>;
  Http1Pairing(std::size_t limit, Close close) : limit_(limit), close_(std::move(close)) {}

  Http1Request& ask(std::unique_ptr<Http1Request> request);
  /// A final response's head came. Whom it answers; null where that cannot be told.
  Http1Request* answer();
  /// The response that came last is over.
  void answered();
  void request_missed() { is_hole_ = true; }
  void response_missed(bool certain) { (certain ? is_response_lost_ : is_response_missed_) = true; }
  /// Bytes of no known message came in: the head of an answer, if any is awaited, is gone.
  void response_gone();
  void close_all();

  Http1Request* last_request() const { return last_request_; }  ///< while it waits
  Http1Request* answering() const { return answering_; }        ///< whose response comes just now
  Http1Request* waiting() const { return waiting_.empty() ? nullptr : waiting_.front().get(); }
  bool is_hopeless() const { return is_hopeless_; }
  const std::deque<std::unique_ptr<Http1Request>>& all() const { return waiting_; }

 private:
  void close_front(bool with_response);

  std::size_t limit_;
  Close close_;
  std::deque<std::unique_ptr<Http1Request>> waiting_;
  Http1Request* last_request_ = nullptr;
  Http1Request* answering_ = nullptr;  // the front
  bool is_held_ = false;               // the front has its answer, which another request has to confirm
  bool is_hole_ = false;               // requests may be missing behind the last
  bool is_response_missed_ = false, is_response_lost_ = false;  // maybe; certainly
  bool pipelines_ = false;
  bool is_hopeless_ = false;
};

}  // namespace plumbline::agent

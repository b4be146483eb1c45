#include "agent/decode/http1_pairing.hpp"

namespace plumbline::agent {

Http1Request& Http1Pairing::ask(std::unique_ptr<Http1Request> request) {
  if (is_held_) {
    // The answer was whole before this request was written: so the client waits for answers. Unless more is missing.
    const bool is_confirmed = answering_ == nullptr && !is_hole_ && !is_response_missed_ && !is_response_lost_;
    is_hole_ = is_hole_ || !is_confirmed;
    close_front(is_confirmed);
  }
  if (waiting_.size() >= limit_) {
    is_hopeless_ = true;
    close_all();
  }
  // What is missing by now was no answer to what is only asked now.
  if (waiting_.empty()) is_response_lost_ = is_response_missed_ = false;
  request->after_hole = is_hole_;
  is_hole_ = false;
  waiting_.push_back(std::move(request));
  last_request_ = waiting_.back().get();
  return *last_request_;
}

Http1Request* Http1Pairing::answer() {
  const bool lost = std::exchange(is_response_lost_, false);
  const bool missed = std::exchange(is_response_missed_, false) || lost;
  if (is_held_) {  // a second answer: the first was somebody else's
    is_hole_ = true;
    close_front(false);
  }
  if (waiting_.empty() || is_hopeless_) return nullptr;
  if (!missed && waiting_.size() > 1) pipelines_ = true;
  if (lost && waiting_.size() == 1) {
    close_front(false);
    return nullptr;
  }
  if (missed && waiting_.size() > 1) {
    while (waiting_.size() > 1) close_front(false);
    waiting_.front()->after_hole = true;
  }
  auto& front = *waiting_.front();
  if (front.after_hole) {
    if (pipelines_) {
      is_hopeless_ = true;
      close_all();
      return nullptr;
    }
    is_held_ = true;
  }
  answering_ = &front;
  return answering_;
}

void Http1Pairing::answered() {
  if (answering_ == nullptr) return;
  answering_ = nullptr;
  if (!is_held_) close_front(true);
}

void Http1Pairing::response_gone() {
  if (waiting_.empty() || is_held_) return;
  close_all();
  is_hole_ = true;
}

void Http1Pairing::close_front(bool with_response) {
  auto front = std::move(waiting_.front());
  waiting_.pop_front();
  is_held_ = false;
  if (answering_ == front.get()) answering_ = nullptr;
  if (last_request_ == front.get()) last_request_ = nullptr;
  close_(*front, with_response);
}

void Http1Pairing::close_all() {
  while (!waiting_.empty()) close_front(!is_held_ && answering_ == waiting_.front().get());
}

}  // namespace plumbline::agent

#include "http/message.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "http/pending.hpp"
#include "include/util/lower.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::http {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string_view word_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::permission:
      return "permission";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::io:
      return "io";
    case ErrorCode::internal:
      break;
  }
  return "internal";
}

}  // namespace

std::string Request::bearer() const {
  constexpr std::string_view scheme = "Bearer ";
  const std::string* field = header("Authorization");
  if (field == nullptr || plumbline::lower(std::string_view(*field).substr(0, scheme.size())) != "bearer ") return "";
  return field->substr(std::min(field->find_first_not_of(' ', scheme.size()), field->size()));
}

const std::string* find_field(const Fields& fields, std::string_view name) {
  for (const auto& [candidate, value] : fields)
    if (std::equal(candidate.begin(), candidate.end(), name.begin(), name.end(),
                   [](char a, char b) { return lower(a) == lower(b); }))
      return &value;
  return nullptr;
}

bool Responder::operator()(Response response) const {
  {
    const std::lock_guard lock(pending_->slot->mutex);
    if (pending_->slot->taken) return false;
    pending_->slot->taken = true;
    pending_->slot->response = std::move(response);
  }
  pending_->signal->raise();
  return true;
}

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return 400;
    case ErrorCode::permission:
      return 403;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::unsupported:
      return 501;
    case ErrorCode::unavailable:
      return 503;
    case ErrorCode::corrupt:
    case ErrorCode::io:
    case ErrorCode::internal:
      break;
  }
  return 500;
}

std::string_view reason_of(int status) {
  struct Reason {
    int status;
    std::string_view text;
  };
  static constexpr std::array reasons{
      Reason{200, "OK"},
      Reason{201, "Created"},
      Reason{202, "Accepted"},
      Reason{204, "No Content"},
      Reason{304, "Not Modified"},
      Reason{400, "Bad Request"},
      Reason{401, "Unauthorized"},
      Reason{403, "Forbidden"},
      Reason{404, "Not Found"},
      Reason{405, "Method Not Allowed"},
      Reason{406, "Not Acceptable"},
      Reason{408, "Request Timeout"},
      Reason{409, "Conflict"},
      Reason{411, "Length Required"},
      Reason{413, "Content Too Large"},
      Reason{415, "Unsupported Media Type"},
      Reason{421, "Misdirected Request"},
      Reason{422, "Unprocessable Content"},
      Reason{429, "Too Many Requests"},
      Reason{431, "Request Header Fields Too Large"},
      Reason{500, "Internal Server Error"},
      Reason{501, "Not Implemented"},
      Reason{502, "Bad Gateway"},
      Reason{503, "Service Unavailable"},
      Reason{507, "Insufficient Storage"},
  };
  for (const auto& reason : reasons)
    if (reason.status == status) return reason.text;
  return status < 400 ? "OK" : "Error";
}

Response problem(int status, const Error& error, Fields headers) {
  wire::JsonObject json;
  json.text("type", std::string("urn:plumbline:problem:").append(word_of(error.code)))
      .text("title", reason_of(status))
      .number("status", status)
      .text("detail", error.message())
      .text("what", error.what)
      .text("why", error.why)
      .text("fix", error.fix);
  headers.emplace_back("Content-Type", "application/problem+json");
  return {status, std::move(headers), json.str() + "\n"};
}

Error error_of(const Response& response, std::string what) {
  const auto json = nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  const auto text = [&](const char* key) {
    return json.is_object() && json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
  };
  Error error{ErrorCode::internal, std::move(what), text("why"), text("fix")};
  if (error.why.empty())
    error.why = "it answered " + std::to_string(response.status) + " " + std::string(reason_of(response.status));
  else if (const auto doing = text("what"); !doing.empty())
    error.why.insert(0, doing + ": ");
  switch (response.status) {
    case 400:
    case 409:
      error.code = ErrorCode::invalid_argument;
      break;
    case 401:
    case 403:
      error.code = ErrorCode::permission;
      break;
    case 404:
      error.code = ErrorCode::not_found;
      break;
    case 429:
    case 503:
      error.code = ErrorCode::unavailable;
      break;
    default:
      break;
  }
  return error;
}

Response json_response(std::string json, int status) {
  return {status, {{"Content-Type", "application/json"}}, std::move(json)};
}

Response text_response(std::string text, std::string content_type, int status) {
  return {status, {{"Content-Type", std::move(content_type)}}, std::move(text)};
}

std::string sse_event(std::string_view id, std::string_view event, std::string_view data) {
  std::string text;
  text.reserve(id.size() + event.size() + data.size() + 32);
  if (!id.empty()) text.append("id: ").append(id).append("\n");
  if (!event.empty()) text.append("event: ").append(event).append("\n");
  do {
    const std::string_view line = data.substr(0, data.find('\n'));
    text.append("data: ").append(line).append("\n");
    data.remove_prefix(std::min(data.size(), line.size() + 1));
  } while (!data.empty());
  text += '\n';
  return text;
}

}  // namespace plumbline::http

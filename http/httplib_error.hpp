// cpp-httplib's errors in words. For files that include cpp-httplib themselves.
#pragma once

#include <httplib.h>

#include <string>

namespace plumbline::http {

/// "cannot connect": what goes behind the name of a server.
inline std::string why_of(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection:
      return "cannot connect";
    case httplib::Error::ConnectionTimeout:
      return "connecting took too long";
    case httplib::Error::Read:
      return "the answer ended early or came too late";
    case httplib::Error::Write:
      return "the request could not be sent whole";
    case httplib::Error::SSLConnection:
      return "the TLS handshake failed";
    case httplib::Error::SSLLoadingCerts:
      return "the CA file cannot be loaded";
    case httplib::Error::SSLServerVerification:
      return "the server's certificate is not trusted";
    case httplib::Error::Canceled:
      return "the answer was too long";
    default:
      return "no HTTP answer (" + httplib::to_string(error) + ")";
  }
}

}  // namespace plumbline::http

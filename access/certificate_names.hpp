// What certificates call their holders.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/server_tls.hpp"

namespace plumbline::access {

/// All that a certificate calls its holder: URIs and DNS names of its subjectAltName, and the common name.
std::vector<std::string> names_of(const http::ClientCertificate& certificate);

/// The names of the node. A URI whose path ends in /node/NAME (as SPIFFE ids have it) says it alone; else it is the DNS
/// names with the common name. Empty: it is no node's.
std::vector<std::string> nodes_of(const http::ClientCertificate& certificate);

/// The URI that says so of a node: "spiffe://plumbline/node/NAME".
std::string uri_of_node(const std::string& node);

/// Whether a text may be a DNS name of a certificate (RFC 1123; the first label may be "*").
bool is_dns_name(std::string_view text);

}  // namespace plumbline::access

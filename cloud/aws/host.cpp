#include "cloud/aws/host.hpp"

#include <algorithm>
#include <array>

#include "cloud/http.hpp"
#include "cloud/table/tables.hpp"

namespace plumbline::cloud::aws {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// "eu-west-1", "us-gov-west-1", "us-gov": by its looks, since new ones come every year.
bool is_region(std::string_view label) {
  if (label == "us-gov") return true;
  if (label.size() < 6 || label.size() > 24 || !is_digit(label.back())) return false;
  std::size_t dashes = 0;
  for (std::size_t i = 0; i < label.size(); ++i) {
    const char c = label[i];
    if (c == '-') {
      if (i == 0 || label[i - 1] == '-') return false;
      ++dashes;
    } else if (is_digit(c) ? dashes < 2 : (c < 'a' || c > 'z' || (i > 0 && is_digit(label[i - 1])))) {
      return false;
    }
  }
  return dashes >= 2 && dashes <= 3 && label.find('-') >= 2;
}

bool ends_with_ignoring_case(std::string_view text, std::string_view end) {
  // Most differ in their last letter already.
  return text.size() >= end.size() && (text.back() | 32) == (end.back() | 32) &&
         equal_ignoring_case(text.substr(text.size() - end.size()), end);
}

std::string_view last_label(std::string_view host) {
  const auto dot = host.rfind('.');
  return dot == std::string_view::npos ? host : host.substr(dot + 1);
}

std::string_view without_last(std::string_view host) {
  const auto dot = host.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : host.substr(0, dot);
}

/// Labels that say how an endpoint is reached, not what it is.
bool is_manner(std::string_view label) {
  return label == "dualstack" || label == "fips" || label == "vpce" || label.starts_with("vpce-");
}

/// A stem in the spelling of the tables: lower case, no "-fips". Host names are short.
class Stem {
 public:
  explicit Stem(std::string_view labels) {
    for (std::size_t i = 0; i < labels.size() && size_ < text_.size(); ++i) {
      const auto rest = labels.substr(i);
      if (rest.starts_with("-fips") && (rest.size() == 5 || rest[5] == '.' || rest[5] == '-')) {
        i += 4;
        continue;
      }
      text_[size_++] = rest[0] >= 'A' && rest[0] <= 'Z' ? static_cast<char>(rest[0] + 32) : rest[0];
    }
    if (std::string_view(text_.data(), size_).starts_with("fips.")) skip_ = 5;
  }
  std::string_view text() const { return std::string_view(text_.data(), size_).substr(skip_); }

 private:
  std::array<char, 256> text_;
  std::size_t size_ = 0, skip_ = 0;
};

/// The longest end of `labels` that is a stem; what is before it is `left`.
void find_stem(std::string_view labels, Endpoint& endpoint) {
  for (std::size_t begin = 0;;) {
    const Stem stem(labels.substr(begin));
    if (const auto* row = table::find_name(table::stems, stem.text()); row != nullptr) {
      endpoint.services = table::rows<std::uint32_t>(table::ids, row->services);
      endpoint.stem = row->name;
      endpoint.left = begin == 0 ? std::string_view() : labels.substr(0, begin - 1);
      return;
    }
    const auto dot = labels.find('.', begin);
    if (dot == std::string_view::npos) break;
    begin = dot + 1;
  }
  endpoint.left = labels;
}

/// "s3-eu-west-1", S3's endpoints of before 2014, and "s3express-usw2-az1": one label, two facts.
void find_joined_s3(std::string_view labels, Endpoint& endpoint) {
  const auto label = last_label(labels);
  const bool express = label.starts_with("s3express-");
  if (!express && (!label.starts_with("s3-") || !is_region(label.substr(3)))) return;
  if (!express && endpoint.region.empty()) endpoint.region = label.substr(3);
  endpoint.services = table::ids_of(table::stems, "s3");
  endpoint.left = without_last(labels);
}

}  // namespace

std::uint32_t partition_of(std::string_view region, std::uint32_t of_suffix) {
  const auto all = table::rows<table::PartitionRow>(table::partitions);
  for (std::uint32_t i = 0; i < all.size(); ++i)
    if (const auto prefix = table::text(all[i].region_prefix); !prefix.empty() && region.starts_with(prefix)) return i;
  return region == "us-gov" ? partition_of("us-gov-west-1", of_suffix) : of_suffix;
}

std::string_view without_port(std::string_view host) {
  const auto colon = host.rfind(':');
  if (colon == std::string_view::npos || host.find(']', colon) != std::string_view::npos) return host;
  return host.find(':') == colon || host.find(']') != std::string_view::npos ? host.substr(0, colon) : host;
}

Endpoint endpoint_of(std::string_view host) {
  Endpoint endpoint;
  if (host.ends_with('.')) host.remove_suffix(1);
  for (const auto& suffix : table::rows<table::SuffixRow>(table::suffixes)) {
    const auto text = table::text(suffix.text);
    if (!ends_with_ignoring_case(host, text)) continue;
    const auto rest = host.substr(0, host.size() - text.size());
    if (!rest.ends_with('.')) continue;
    endpoint.known = true;
    endpoint.partition = suffix.partition;
    host = rest.substr(0, rest.size() - 1);
    break;
  }
  if (!endpoint.known) return endpoint;
  // From the right: region and manner, in whatever order.
  for (auto label = last_label(host); !host.empty(); label = last_label(host)) {
    if (is_region(label))
      endpoint.region = label;
    else if (!is_manner(label))
      break;
    host = without_last(host);
  }
  // "vpce-0123-abcd.ec2": what is before it belongs to the VPC's endpoint.
  if (endpoint.region.empty() && is_region(host.substr(0, host.find('.'))) &&
      host.find('.') != std::string_view::npos) {
    endpoint.region = host.substr(0, host.find('.'));  // REGION.queue, REGION.elasticmapreduce
    host.remove_prefix(endpoint.region.size() + 1);
  }
  endpoint.partition = partition_of(endpoint.region, endpoint.partition);
  find_stem(host, endpoint);
  if (endpoint.services.empty()) find_joined_s3(host, endpoint);
  return endpoint;
}

std::string_view bucket_of(std::string_view host, const Endpoint& endpoint) {
  std::string_view left = endpoint.left;
  if (!endpoint.known) {
    // Another's S3: "bucket.s3.example.com"; but "s3.example.com" has none.
    const auto at = host.find(".s3.");
    return at == std::string_view::npos ? std::string_view() : host.substr(0, at);
  }
  // S3's VPC endpoints say what is before them: "logs.bucket.vpce-1a2b.s3.eu-west-1.vpce", "control.vpce-…".
  if (const auto vpce = left.rfind("vpce-"); vpce != std::string_view::npos && (vpce == 0 || left[vpce - 1] == '.')) {
    left = vpce == 0 ? std::string_view() : left.substr(0, vpce - 1);
    const auto kind = last_label(left);
    if (kind == "bucket" || kind == "accesspoint") return without_last(left);
    return {};
  }
  return left;
}

}  // namespace plumbline::cloud::aws

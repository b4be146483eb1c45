// What a host's name says of an AWS endpoint.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace plumbline::cloud::aws {

struct Endpoint {
  bool known = false;  ///< its suffix is one of AWS's
  std::uint32_t partition = 0;
  std::string_view region;                  ///< "" for global ones
  std::span<const std::uint32_t> services;  ///< those of its stem; none where it is unknown
  std::uint32_t stem = 0;                   ///< in the tables
  std::string_view left;                    ///< labels before the stem: a bucket, an account, an operation's prefix
};

/// Takes a host (without port) apart: LEFT.STEM.REGION.SUFFIX with "dualstack", "fips" and VPC endpoints' labels left
/// out. The forms are those of the endpoint rules; legacy ones (s3-REGION, REGION.queue) too. Case does not count.
Endpoint endpoint_of(std::string_view host);

/// Of a region; of `of_suffix`'s where the region says nothing.
std::uint32_t partition_of(std::string_view region, std::uint32_t of_suffix = 0);

/// "host:port" and "[::1]:port" without the port.
std::string_view without_port(std::string_view host);

/// The bucket in front of an S3 endpoint, also of one of another's making ("logs.s3.localhost"); "" where it has none.
/// Access points and Outposts count as buckets: that is how paths are then written.
std::string_view bucket_of(std::string_view host, const Endpoint& endpoint);

}  // namespace plumbline::cloud::aws

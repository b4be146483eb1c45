// User data taken apart, as cloud-init's UserDataProcessor does it (cloudinit/user_data.py, handlers/__init__.py).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "baseline/builder.hpp"
#include "include/util/result.hpp"

namespace plumbline::baseline {

/// One part that is cloud-config.
struct CloudConfigPart {
  CloudConfigPart() = default;
  CloudConfigPart(CloudConfigPart&&) = default;
  CloudConfigPart& operator=(CloudConfigPart&&) = default;
  ~CloudConfigPart();  // clears the text

  std::string name;        ///< "part-001", as cloud-init counts them
  std::string yaml;        ///< its text
  std::string merge_type;  ///< of the header; "" where there is none
  bool is_patch = false;   ///< a JSON patch of what was merged so far (text/cloud-config-jsonp)
};

/// The cloud-config parts of user data in their order: plain, in a MIME message, in an archive, each of them in gzip,
/// all of it in base64. Parts that are something else, or of which the content is not known here (#include, a
/// template), are skipped as "cloud-init:<source>/part-002" with the reason. At most 64 MiB are unpacked. `what` begins
/// the errors.
Result<std::vector<CloudConfigPart>> cloud_config_parts(const std::string& what, const std::string& source,
                                                        std::string_view user_data, Builder& out);

}  // namespace plumbline::baseline

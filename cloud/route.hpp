// What the head of a request says: which call of which provider it is, and what of its body is worth keeping.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "cloud/http.hpp"
#include "cloud/table/layout.hpp"

namespace plumbline::cloud {

using table::Level;

/// Whether a call of this level may change something.
constexpr bool may_change(Level level) {
  return level != Level::read && level != Level::list;
}

enum class Provider : std::uint8_t { none, aws, gcp, azure, kubernetes };

/// Why a request has no operation.
enum class Unmapped : std::uint8_t {
  no,                 ///< it has one
  not_cloud,          ///< neither host nor signature is a cloud's: nothing of it is worth keeping
  needs_body,         ///< its name is in a form: route again with the body
  unknown_service,    ///< a cloud's, but no service that the tables know
  unknown_operation,  ///< of a known service, but none of its operations
};

/// How the body is written.
enum class Wire : std::uint8_t { none, query, ec2, json, rest_json, rest_xml, cbor };

/// A value in the path or in the host, encoded as it came.
struct Label {
  std::string_view member, value;
};

/// What a path says of a resource, where a grammar tells it rather than a table: Kubernetes' and Azure's. Encoded as it
/// came, but for the verb.
struct ResourcePath {
  std::string_view verb;         ///< "patch", "deletecollection"; Azure's: "write", "delete", "read", "action"
  std::string_view group;        ///< "apps", "" for Kubernetes' core; Azure's: "Microsoft.Compute"
  std::string_view version;      ///< "v1"
  std::string_view scope;        ///< namespace; Azure's: all before the last /providers/
  std::string_view resource;     ///< "deployments"; Azure's: types and names, "virtualMachines/vm1"
  std::string_view name;         ///< "" of a collection
  std::string_view subresource;  ///< "scale"; Azure's: the action, "start"
};

/// Views into the head that it was made of, into `plain_target` and into the tables: valid as long as the head's bytes
/// and a copy of the route are.
struct Route {
  Provider provider = Provider::none;
  Unmapped unmapped = Unmapped::not_cloud;
  std::uint32_t service = table::no_row;    ///< as on the wire, in the tables
  std::uint32_t operation = table::no_row;  ///< as on the wire
  Wire wire = Wire::none;
  /// Bytes of the request's body worth buffering; 0 = none. An object's content never is.
  std::uint32_t keep = 0;

  std::string_view region, partition, signing_name, access_key_id;
  std::array<Label, 12> labels;
  std::uint8_t label_count = 0;
  bool at_own_host = false;  ///< AWS': the host is one of its own, so that it is no signature alone that says so

  /// Of Kubernetes and Azure; of a gRPC call, `group` is its service and `name` the method.
  ResourcePath resource;
  std::uint32_t api = table::no_row, method = table::no_row;  ///< of GCP, in the tables
  Level path_level = Level::read;  ///< and the next two: of all but AWS, as level() and so on tell
  bool path_level_guessed = false;
  bool path_data_plane = false;
  /// The head's target as it was read, where its path is written with escapes.
  std::shared_ptr<const std::string> plain_target;

  /// Names as reported: one for all names of one wire. "" where unmapped. Not for the hot path: they are put together.
  /// Kubernetes: "apps/v1" and "patch deployments/scale"; Azure: "Microsoft.Compute" and
  /// "virtualMachines/start/action".
  std::string service_name() const;
  std::string operation_name() const;
  Level level() const;
  /// Whether the level is the name's verb's, since no IAM action is called so.
  bool level_guessed() const;
  /// Whether it moves data of users and changes no configuration.
  bool data_plane() const;
  /// Whether its answer hands out credentials that later calls are signed by: worth reading, though nothing is changed.
  bool grants_credentials() const;
};

/// Bytes of a body that are worth buffering where its fields say what is changed.
inline constexpr std::uint32_t max_body = 256 * 1024;

/// Recognises a request by its head, without heap unless the path has escapes or it is a form; a form's operation is in
/// its body, so `form` is the body where a first call said `needs_body`. Any thread.
Route route(const Head& head, std::string_view form = {});

}  // namespace plumbline::cloud

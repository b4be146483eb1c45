// The compiled tables: one flat block of fixed-size rows and a pool of texts, without pointers, so that it lies in
// .rodata and is used where it lies. cloud/compile writes it when the project is built, cloud/table/tables.hpp reads
// it; both are of one build on one machine, so rows are in its own byte order. Each row type has its size pinned below.
#pragma once

#include <array>
#include <cstdint>

namespace plumbline::cloud::table {

/// Of a text in the pool: a 16-bit length, then its bytes. 0 is "".
using Text = std::uint32_t;
inline constexpr std::uint32_t no_row = 0xFFFFFFFF;

/// Some rows of a section.
struct Slice {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

enum class Protocol : std::uint8_t { query = 1, ec2 = 2, json = 4, rest_json = 8, rest_xml = 16, cbor = 32 };
/// One of IAM's access levels.
enum class Level : std::uint8_t { read, list, write, tagging, permissions };
/// What a request's body is: nothing, fields in the protocol's form, fields of one member, the text of one member, the
/// user's own bytes, or a stream of events.
enum class Body : std::uint8_t { none, fields, member, text, blob, stream };
/// How a member shows on the wire: as its own value, a list of equal names, a list within an element, a map of equal
/// names, a map within an element, a header, headers of one prefix, a map whose keys are the user's.
enum class WireKind : std::uint8_t { value, list, items, map, entries, header, prefix, free };
enum class Method : std::uint8_t { get, put, post, del, patch, head, options, other };

enum OperationFlag : std::uint8_t {
  deprecated = 1,
  unsigned_ok = 2,    ///< needs no signature
  level_by_verb = 4,  ///< no IAM action of that name is known: its level is the verb's
  data_plane = 8,     ///< moves data of users, changes no configuration
  retired = 16,       ///< no longer in today's models
  names_data = 32,    ///< of the data plane, but its body only names what it touches
};

struct PartitionRow {
  Text id;
  Text region_prefix;  ///< of its regions ("cn-"); "" = the one that has all others
};
struct SuffixRow {
  Text text;  ///< of its hosts: "amazonaws.com"
  std::uint32_t partition;
};
/// A name → the ids of services; sorted by name.
struct NameRow {
  Text name;
  Slice services;  ///< in section ids
};
struct ServiceRow {
  Text name;
  Text stem;                ///< of the hosts that are nobody else's
  std::uint32_t protocols;  ///< bits of Protocol
  Slice versions;           ///< in section texts
  Slice operations;         ///< sorted by name
  std::uint32_t root;       ///< its first node; no_row = no REST
  Slice wires;              ///< sorted by wire name
  Slice secrets;            ///< in section texts, sorted
  Slice binaries;           ///< in section texts, sorted
};
struct OperationRow {
  Text name;
  Text payload;             ///< the member that the body is, for Body::member and Body::text
  std::uint32_t canonical;  ///< the operation that is meant, where two are one on the wire; itself mostly
  std::uint16_t service;
  Level level;
  Body body;
  std::uint8_t flags;      ///< of OperationFlag
  std::uint8_t semantics;  ///< cloud::Semantics
  std::uint8_t dry_run;    ///< in dry_runs of switches.hpp
  std::uint8_t account;    ///< in account_members there
};
/// A place in a tree of path segments.
struct NodeRow {
  Slice literals;        ///< in section edges, sorted by text
  std::uint32_t label;   ///< next node behind {Label}
  std::uint32_t greedy;  ///< next node behind {Label+}
  Slice bindings;        ///< operations that end here
};
struct EdgeRow {
  Text text;
  std::uint32_t node;
};
struct BindingRow {
  std::uint32_t operation;
  std::uint16_t demand;  ///< in section demands
  Method method;
  std::uint8_t unused;
};
/// What an operation's requests have beside the literals of its path; many have the same.
struct DemandRow {
  Slice fixed;     ///< in section keys: what the template's own query says
  Slice required;  ///< in section keys
  Slice labels;    ///< in section texts: the members in the path, in its order
  Text host_prefix;
};
struct KeyRow {
  Text key;
  Text value;            ///< of a fixed key; "" = any
  std::uint32_t header;  ///< 1 = a header (its name in lower case), 0 = of the query
};
struct WireRow {
  Text wire;
  std::uint32_t operation;  ///< no_row = of all of its service
  Text member, item, key, value;
  WireKind kind;
  std::array<std::uint8_t, 3> unused;
};

/// What an operation touches; sorted by operation.
struct EffectRow {
  std::uint32_t operation;
  Slice targets;
};
struct TargetRow {
  Text type;
  Text each;  ///< the list whose items are touched one by one: "ChangeBatch.Changes", "@ruleSet" of the answer; "X^i-"
  Slice ids;  ///< in section texts: expressions (cloud/aws/identifier.hpp)
  Slice types;  ///< in section ids: IaC types, likeliest first; with `only_with_setting` where they need one
};
inline constexpr std::uint32_t only_with_setting = 0x80000000;
struct TypeRow {
  Text name;
  std::uint32_t block;
  Slice members;  ///< called otherwise than their attributes, sorted by path
};
struct MemberRow {
  Text path;  ///< "A.B", or "Operation:A.B" where only that operation means it
  Text attribute;
  Text conversion;
};
struct BlockRow {
  Slice attributes;
};
/// How an attribute's values lie in a state: one, a list, a set, a map, or a list of one.
enum class Holds : std::uint8_t { one, list, set, map, single };
/// What a value is: not known (CloudFormation's), text, number, boolean, attributes of a block.
enum class Scalar : std::uint8_t { any, text, number, boolean, block };
inline constexpr std::uint16_t no_block = 0xFFFF;
struct AttributeRow {
  Text name;
  std::uint16_t block;  ///< no_block where it has none
  Holds holds : 3;
  Scalar scalar : 3;
  bool sensitive : 1;  ///< nobody may see it
  std::uint8_t unused;
};

/// A kind of Kubernetes' API; sorted by group and plural.
struct KindRow {
  Text group, plural, kind;
  Slice terraform;           ///< in section texts: types of Terraform's provider
  std::uint32_t namespaced;  ///< 1 = lives in a namespace
};

/// An API of Google; its methods are sorted by verb, number of segments, and segment by segment from the left: literals
/// by their number, then the version, then the label.
struct GcpApiRow {
  Text name;
  Slice methods;
};
/// Of a path, the segments are words (section gcp_words) by their number; 0 is a label, 1 the version, and the
/// literals behind them are sorted by their texts. What follows the
/// last ":" is a segment of its own, whose word begins with it.
struct GcpMethodRow {
  std::uint32_t segments;  ///< the first, in section gcp_segments
  Text name;               ///< "instances.setMetadata"; only its last word where `derived`
  Method verb;
  std::uint8_t count;    ///< of segments
  std::uint8_t derived;  ///< 1 = the words before it are the path's
  std::uint8_t dry_run;  ///< in dry_runs of switches.hpp
};

/// `first` is an offset in bytes.
struct Section {
  std::uint32_t offset = 0;
  std::uint32_t count = 0;
};
enum SectionName : std::uint8_t {
  texts,
  ids,
  partitions,
  suffixes,
  signing,
  stems,
  targets,
  services,
  operations,
  actions,
  nodes,
  edges,
  bindings,
  demands,
  keys,
  wires,
  effects,
  touched,
  types,
  members,
  blocks,
  attributes,
  kinds,
  gcp_apis,
  gcp_methods,
  gcp_segments,  ///< std::uint16_t
  gcp_words,     ///< Text
  gcp_hosts,     ///< "compute"; "/compute", a path's first word, for hosts that several APIs share → ids of APIs
  gcp_types,     ///< resource → texts: Terraform's types
  gcp_fields,    ///< "type\tfield" → one text: the attribute
  gcp_maps,      ///< "api\tfield", whose keys are users' own → one text: "value" or "object", what is below a key
  azure_types,   ///< NameRow, whose slice is in section texts
  pool,
  section_count
};

inline constexpr std::uint32_t magic = 0x54424C50;  // "PLBT"
inline constexpr std::uint32_t format = 5;

struct Header {
  std::uint32_t magic_word;
  std::uint32_t format_version;
  std::uint32_t bytes;  ///< of all
  std::uint32_t unused;
  std::uint64_t source_hash;  ///< FNV-1a of the text tables, file by file
  std::array<Section, section_count> sections;
};

static_assert(sizeof(ServiceRow) == 56 && sizeof(OperationRow) == 20 && sizeof(NodeRow) == 24 &&
              sizeof(BindingRow) == 8 && sizeof(DemandRow) == 28);
static_assert(sizeof(EffectRow) == 12 && sizeof(TargetRow) == 24 && sizeof(TypeRow) == 16 && sizeof(MemberRow) == 12 &&
              sizeof(AttributeRow) == 8);
static_assert(sizeof(KindRow) == 24 && sizeof(GcpApiRow) == 12 && sizeof(GcpMethodRow) == 12);
static_assert(sizeof(WireRow) == 28 && sizeof(KeyRow) == 12 && sizeof(NameRow) == 12 && sizeof(EdgeRow) == 8);

}  // namespace plumbline::cloud::table

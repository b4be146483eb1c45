// Values of requests in the shape that a state keeps them in.
#pragma once

#include "cloud/body/value.hpp"
#include "cloud/table/tables.hpp"

namespace plumbline::cloud::aws {

/// As the attribute holds it: numbers and booleans by their kind, lists of one where the request has one value, maps
/// where it has pairs of key and value, blocks by their attributes' names. Members that a block does not have are left
/// out. A secret stays one.
Value shaped(const Value& given, const table::AttributeRow& attribute);

/// A conversion that a row names, before the value is shaped; `parameters` are the whole request's.
///   csv                   "a,b" → [a, b]
///   pick MEMBER           [{MEMBER: a}, …] → [a, …]
///   list                  a → [a]
///   is WORD               true where it is the word
///   dns                   as Route 53's names are kept
///   item A=M,B=N          {A: the request's M, B: its N}
///   rules, rule           a security group's, of many or of one, as its state holds them
///   json                  as it is: the state keeps JSON in a text, as the API has it
Value converted(const Value& value, std::string_view conversion, const Value& parameters);

/// [{Key: a, Value: x}] → {a: x}, whatever the two are called; nothing where it is no list of such.
bool pairs_as_map(const Value& list, Value& map);

/// EC2's IpPermissions as `ingress` and `egress` of a state: {protocol, from_port, to_port, cidr_blocks, …}, one for
/// each description.
Value security_group_rules(const Value& permissions, std::string_view own_group);

}  // namespace plumbline::cloud::aws

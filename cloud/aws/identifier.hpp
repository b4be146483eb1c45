// Ids of what an operation touches, made of its request and its answer by expressions of the tables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/body/value.hpp"
#include "cloud/operation.hpp"

namespace plumbline::cloud::aws {

/// What expressions speak of; `item` is the one of a batch that ids are wanted of, nullptr = no batch.
struct Source {
  const Value& parameters;
  const Value& answer;
  const Value* item;
  std::string_view partition, region, account;
};

/// Bounds of what one expression may come to, whoever writes the request.
inline constexpr std::size_t max_ids = max_touched, max_id = 2'048;

/// The values of an expression, in their order; none where something that it needs is not there.
///   A.B        a member; lists on the way stand for each of their items; of an ARN, the name in it too
///   @A.B       a member of the answer
///   A+B        both joined as states join them: "a/b", "a:b", "a,b", "a|b"
///   x{A}y      a text with members in it. Before a member: ~ the name in an ARN, / what is behind the last slash,
///              ^ only an ARN, % a domain name as Route 53's are kept, & the same with \052 for *, ?_ "_" and the
///              member or nothing, $ one of partition, region, account. Behind it: =x what it is where it is not there
/// ".A" is a member of the batch's item, "." the item.
std::vector<std::string> values_of(std::string_view expression, const Source& source);

/// Whether an expression speaks of the answer.
bool is_of_answer(std::string_view expression);

/// Each value that a path leads to, through lists and through what XML wraps them in.
void collect(const Value& at, std::string_view path, std::vector<const Value*>& found);

/// "arn:aws:lambda:eu-west-1:1:function:f:2" → "f", "arn:aws:kms:…:key/k" → "k"; what is no ARN stays.
std::string_view name_of(std::string_view id);

/// "A.EXAMPLE.com." → "a.example.com", "\052.a" → "*.a".
std::string domain_name(std::string_view name, bool escaped_star = false);

}  // namespace plumbline::cloud::aws

#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace plumbline::baseline {

/// A resource.Quantity as the API server writes it back ("500m" for "0.5", "1536Mi" for "1.5Gi", "1k" for "1000"), so
/// that a manifest equals what became of it. nullopt for what is no quantity, or beyond 2^63 of the smallest unit it
/// needs. Source: k8s.io/apimachinery/pkg/api/resource/quantity.go (CanonicalizeBytes).
std::optional<std::string> canonical_quantity(std::string_view text);

}  // namespace plumbline::baseline

// Just enough of Kubernetes' protobuf to know what an object is called.
#pragma once

#include <string_view>

namespace plumbline::cloud::kubernetes {

/// Views of the bytes, "" where they do not say.
struct ProtobufNames {
  std::string_view kind, name, ns, uid;
};

/// application/vnd.kubernetes.protobuf: "k8s\0", then a runtime.Unknown {typeMeta = 1 {apiVersion = 1, kind = 2},
/// raw = 2}, whose raw bytes begin with metadata = 1 {name = 1, namespace = 3, uid = 5} in every kind that is an object
/// (k8s.io/apimachinery's pkg/runtime/generated.proto and pkg/apis/meta/v1/generated.proto). Bytes may end anywhere.
ProtobufNames names_in_protobuf(std::string_view body);

}  // namespace plumbline::cloud::kubernetes

#pragma once

namespace plumbline {

/// Deletes by a C library's own function: std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>.
template <auto free>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    free(object);
  }
};

}  // namespace plumbline

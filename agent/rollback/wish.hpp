#pragma once

namespace plumbline::agent {

/// What a person wants of a drift's file.
enum class RollbackWish {
  put_back,
  show,  ///< what put_back would do
  undo,  ///< what put_back did
};

}  // namespace plumbline::agent

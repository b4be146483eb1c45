// What a delivery means for each record of its batch. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "collector/forward/sink.hpp"

namespace plumbline::collector {

struct Settlement {
  enum class Fate {
    gone,   ///< at its destination
    stays,  ///< offered again
    dead,   ///< a dead letter, for `why`
  };
  struct Record {
    Fate fate = Fate::stays;
    std::string why;
  };
  std::vector<Record> records;
  bool fewer = false;   ///< offer half as many next time
  std::string trouble;  ///< why some stay, though the destination answered; "" = none does, or `fewer`
  std::size_t delivered() const;
};

/// For `count` offered records, of a delivery that is neither `retry` nor `paused`: with those nothing was settled.
Settlement settle(const Delivery& delivery, std::size_t count);

}  // namespace plumbline::collector

#include "collector/forward/settlement.hpp"

#include <algorithm>

namespace plumbline::collector {

std::size_t Settlement::delivered() const {
  return static_cast<std::size_t>(
      std::count_if(records.begin(), records.end(), [](const Record& record) { return record.fate == Fate::gone; }));
}

Settlement settle(const Delivery& delivery, std::size_t count) {
  Settlement settlement;
  settlement.records.resize(count);
  if (delivery.outcome == Delivery::Outcome::split && count > 1) {
    settlement.fewer = true;
    return settlement;
  }
  if (delivery.outcome != Delivery::Outcome::delivered) {
    for (auto& record : settlement.records) record = {Settlement::Fate::dead, delivery.why};
    return settlement;
  }
  for (std::size_t i = 0; i < std::min(delivery.count, count); ++i) settlement.records[i].fate = Settlement::Fate::gone;
  for (const auto& exception : delivery.exceptions) {
    if (exception.index >= count) continue;
    auto& record = settlement.records[exception.index];
    record = {exception.refused ? Settlement::Fate::dead : Settlement::Fate::stays, exception.why};
    if (!exception.refused) settlement.trouble = exception.why;
  }
  return settlement;
}

}  // namespace plumbline::collector

#include "cloud/route.hpp"

#include "cloud/aws/router.hpp"
#include "cloud/table/tables.hpp"

namespace plumbline::cloud {

// A provider's recogniser says `not_cloud` of what is not its own; the next one is asked then.
Route route(const Head& head, std::string_view form) {
  return aws::route(head, form);
}

std::string_view Route::service_name() const {
  if (operation != table::no_row)
    return table::text(table::service(table::operation(table::operation(operation).canonical).service).name);
  return service == table::no_row ? std::string_view() : table::text(table::service(service).name);
}

std::string_view Route::operation_name() const {
  if (operation == table::no_row) return {};
  return table::text(table::operation(table::operation(operation).canonical).name);
}

Level Route::level() const {
  return operation == table::no_row ? Level::read : table::operation(table::operation(operation).canonical).level;
}

bool Route::level_guessed() const {
  return operation != table::no_row &&
         (table::operation(table::operation(operation).canonical).flags & table::level_by_verb) != 0;
}

bool Route::data_plane() const {
  return operation != table::no_row && (table::operation(operation).flags & table::data_plane) != 0;
}

}  // namespace plumbline::cloud

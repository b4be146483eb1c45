#include "agent/source/former_pins.hpp"

#include <bpf/bpf.h>

#include <optional>

#include "include/util/fd.hpp"

namespace plumbline::agent {
namespace {

std::optional<bpf_map_info> info_of(int fd) {
  bpf_map_info info{};
  __u32 size = sizeof info;
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return std::nullopt;
  return info;
}

}  // namespace

std::vector<MarkedInode> read_former_marks(const std::string& pin_dir) {
  const Fd marks(bpf_obj_get((pin_dir + "/marks").c_str())), states(bpf_obj_get((pin_dir + "/mark_states").c_str())),
      control_map(bpf_obj_get((pin_dir + "/control_map").c_str()));
  if (!marks || !states || !control_map) return {};
  const auto marks_info = info_of(marks.get()), states_info = info_of(states.get()), info = info_of(control_map.get());
  const bool is_ours = marks_info && states_info && info && marks_info->key_size == sizeof(mark_key) &&
                       marks_info->value_size == sizeof(struct mark) && states_info->value_size == sizeof(mark_state) &&
                       info->value_size == sizeof(control);
  const __u32 zero = 0;
  control c{};
  if (!is_ours || bpf_map_lookup_elem(control_map.get(), &zero, &c) != 0 || c.abi_version != PLUMBLINE_ABI_VERSION)
    return {};
  std::vector<MarkedInode> all;
  mark_key key{};
  const mark_key* previous = nullptr;
  while (all.size() < marks_info->max_entries && bpf_map_get_next_key(marks.get(), previous, &key) == 0) {
    MarkedInode& one = all.emplace_back();
    one.key = key;
    previous = &one.key;
    mark_state state{};
    if (bpf_map_lookup_elem(marks.get(), &key, &one.value) == 0 &&
        bpf_map_lookup_elem(states.get(), &one.value.slot, &state) == 0)
      one.changes = state.pending - state.handled;
  }
  return all;
}

std::size_t carry_over(const std::vector<MarkedInode>& marks, int marks_fd, int states_fd, std::uint32_t slots) {
  std::uint32_t slot = 0;
  std::size_t left_out = 0;
  for (const auto& one : marks) {
    struct mark value = one.value;
    value.slot = slot;
    value.writer = 0;
    const mark_state state{one.changes, 0};
    const bool fits = slot < slots && bpf_map_update_elem(states_fd, &slot, &state, BPF_ANY) == 0 &&
                      bpf_map_update_elem(marks_fd, &one.key, &value, BPF_NOEXIST) == 0;
    if (fits)
      ++slot;
    else
      ++left_out;
  }
  return left_out;
}

}  // namespace plumbline::agent

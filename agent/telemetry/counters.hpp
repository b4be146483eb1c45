// Every stage's counters; all there from the start with 0, so that no key is ever missing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace plumbline::agent {

using Counter = std::atomic<std::uint64_t>;

/// Written by the observing thread (those of ECS by the one that asks its agent), read by any.
struct Counters {
  Counter samples{0};       ///< ring records read
  Counter samples_bad{0};   ///< … that were short or of unknown type
  Counter sweeps{0};        ///< sweeps of all marks, for whatever reason
  Counter changes{0};       ///< kernel events that findings cover (merged ones counted)
  Counter observations{0};  ///< managed files read because of a change
  Counter unsettled{0};     ///< … that kept changing while they were read, and are asked again
  Counter findings_match{0};
  Counter findings_mismatch{0};
  Counter findings_not_comparable{0};
  Counter calls{0};                  ///< writing calls of clouds that were seen
  Counter calls_unmanaged{0};        ///< … that touch nothing that is managed
  Counter change_sets_forgotten{0};  ///< of CloudFormation, to make room for others
  Counter runs_forgotten{0};         ///< runs of tools, to make room for others
  Counter ecs_known{0};              ///< gauge: containers whose service of ECS is known, or that are of none
  Counter ecs_crowded{0};            ///< gauge: … that are too many to ask about
  Counter ecs_failures{0};           ///< questions to ECS' agent without an answer
  Counter runs_approved{0};
  Counter runs_approved_now{0};    ///< gauge
  Counter runs_crowded_out{0};     ///< … before their end, to make room
  Counter runs_refused{0};         ///< … that somebody asked to approve
  Counter run_tokens_replayed{0};  ///< … whose token was used before
  Counter append_failures{0};      ///< the spool refused; the marks stay pending and are tried again
  Counter actors_unknown{0};
  Counter digests_unreadable{0};
  Counter baseline_loads{0};
  Counter baseline_errors{0};
  Counter records_cut{0};
  Counter rescans{0};
  Counter gaps{0};
  Counter replay_errors{0};
  Counter cgroups_forgotten{0};        ///< made room; a container in one of them is no longer named
  Counter marks{0};                    ///< gauge
  Counter watches{0};                  ///< gauge
  Counter container_files{0};          ///< gauge: files that are watched in containers
  Counter container_files_crowded{0};  ///< gauge: … that are too many
  // Copies of the kernel side's counters.
  Counter kernel_changes{0};
  Counter kernel_wakes{0};
  Counter kernel_wakes_lost{0};
  Counter kernel_actors_raced{0};
  Counter kernel_processes_lost{0};
  Counter kernel_cgroups_lost{0};
};

struct CounterInfo {
  std::string_view name;  ///< without the prefix "plumbline_"
  std::string_view type;  ///< counter or gauge
  std::string_view help;
  Counter Counters::* field;
};

inline constexpr std::array counter_table{
    CounterInfo{"kernel_samples_total", "counter", "Ring buffer records read.", &Counters::samples},
    CounterInfo{"kernel_samples_bad_total", "counter", "Ring buffer records that could not be decoded.",
                &Counters::samples_bad},
    CounterInfo{"sweeps_total", "counter", "Sweeps of all marks for pending changes.", &Counters::sweeps},
    CounterInfo{"changes_total", "counter", "Kernel change events covered by findings, merged ones included.",
                &Counters::changes},
    CounterInfo{"observations_total", "counter", "Managed files read because of a change.", &Counters::observations},
    CounterInfo{"unsettled_total", "counter", "Reads put off because the file kept changing.", &Counters::unsettled},
    CounterInfo{"findings_match_total", "counter", "Findings whose live state equals the baseline.",
                &Counters::findings_match},
    CounterInfo{"findings_mismatch_total", "counter", "Findings whose live state differs from the baseline.",
                &Counters::findings_mismatch},
    CounterInfo{"findings_not_comparable_total", "counter", "Findings that could not be compared.",
                &Counters::findings_not_comparable},
    CounterInfo{"calls_total", "counter", "Calls of cloud APIs that change something.", &Counters::calls},
    CounterInfo{"calls_unmanaged_total", "counter", "Such calls that touch no managed resource.",
                &Counters::calls_unmanaged},
    CounterInfo{"change_sets_forgotten_total", "counter",
                "Change sets whose stack was forgotten to make room for others.", &Counters::change_sets_forgotten},
    CounterInfo{"runs_forgotten_total", "counter", "Runs of baselines' tools that made room for others.",
                &Counters::runs_forgotten},
    CounterInfo{"ecs_containers_known", "gauge", "Containers whose service of ECS is known, or that have none.",
                &Counters::ecs_known},
    CounterInfo{"ecs_containers_crowded", "gauge", "Containers past the bound of those that ECS' agent is asked about.",
                &Counters::ecs_crowded},
    CounterInfo{"ecs_failures_total", "counter", "Questions to ECS' agent without an answer.", &Counters::ecs_failures},
    CounterInfo{"runs_approved_total", "counter", "Runs that were approved.", &Counters::runs_approved},
    CounterInfo{"runs_approved", "gauge", "Approved runs in force.", &Counters::runs_approved_now},
    CounterInfo{"runs_crowded_out_total", "counter", "Approved runs forgotten before their end, to make room.",
                &Counters::runs_crowded_out},
    CounterInfo{"runs_refused_total", "counter", "Approvals of runs that were refused.", &Counters::runs_refused},
    CounterInfo{"run_tokens_replayed_total", "counter", "Tokens of runs that were used before.",
                &Counters::run_tokens_replayed},
    CounterInfo{"append_failures_total", "counter",
                "Appends that the spool refused; nothing is lost, they are tried again.", &Counters::append_failures},
    CounterInfo{"actors_unknown_total", "counter", "Findings without a known actor.", &Counters::actors_unknown},
    CounterInfo{"digests_unreadable_total", "counter", "Executables whose digest could not be taken.",
                &Counters::digests_unreadable},
    CounterInfo{"baseline_loads_total", "counter", "Baselines loaded.", &Counters::baseline_loads},
    CounterInfo{"baseline_errors_total", "counter", "Baselines that could not be loaded; the old one stays in force.",
                &Counters::baseline_errors},
    CounterInfo{"records_cut_total", "counter", "Findings that were too large to be sent whole.",
                &Counters::records_cut},
    CounterInfo{"rescans_total", "counter", "Full comparisons without a change event (start, timer, mount change).",
                &Counters::rescans},
    CounterInfo{"gaps_total", "counter", "Gap records written.", &Counters::gaps},
    CounterInfo{"replay_errors_total", "counter", "Spool records that could not be read back at start.",
                &Counters::replay_errors},
    CounterInfo{"cgroups_forgotten_total", "counter", "Cgroups forgotten because too many were known.",
                &Counters::cgroups_forgotten},
    CounterInfo{"marks", "gauge", "Inodes marked.", &Counters::marks},
    CounterInfo{"watches", "gauge", "Paths watched.", &Counters::watches},
    CounterInfo{"container_files", "gauge", "Files watched in containers.", &Counters::container_files},
    CounterInfo{"container_files_crowded", "gauge", "Files in containers past the bound of those that are watched.",
                &Counters::container_files_crowded},
    CounterInfo{"kernel_changes_total", "counter", "Changes of marked inodes seen by the hooks.",
                &Counters::kernel_changes},
    CounterInfo{"kernel_wakes_total", "counter", "Wake-ups written to the ring buffer.", &Counters::kernel_wakes},
    CounterInfo{"kernel_wakes_lost_total", "counter", "Wake-ups that found the ring full; healed by a sweep.",
                &Counters::kernel_wakes_lost},
    CounterInfo{"kernel_actors_raced_total", "counter", "Changes whose actor another CPU was just writing.",
                &Counters::kernel_actors_raced},
    CounterInfo{"kernel_processes_lost_total", "counter", "Process table entries that could not be stored.",
                &Counters::kernel_processes_lost},
    CounterInfo{"kernel_cgroups_lost_total", "counter", "Cgroup records lost; healed by a walk of cgroupfs.",
                &Counters::kernel_cgroups_lost},
};

}  // namespace plumbline::agent

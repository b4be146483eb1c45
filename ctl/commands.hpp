// One function a sub-command; each returns the exit code. The table of them is in app.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "ctl/context.hpp"

namespace plumbline::ctl {

struct DriftOptions {
  bool all = false;   ///< closed ones too
  std::string state;  ///< only this one
  std::string resource;
  std::string since;  ///< RFC 3339
};
/// 2 where an open drift is among those listed.
int list_drift(const Context& context, const DriftOptions& options);

/// What an on-call person needs of one drift. 2 where it is open.
int show_drift(const Context& context, const std::string& word);
/// Rule and evidence behind its verdict. 2 where it is open.
int explain_drift(const Context& context, const std::string& word);

struct ResourceOptions {
  std::string resource;
  std::string comparison;
  std::string owner_of;  ///< path or cloud id; the rest is then not looked at
};
int list_resources(const Context& context, const ResourceOptions& options);
/// What ResourceOptions::owner_of asks for. 1 where nothing owns it.
int list_owners(const Context& context, const std::string& word);

/// 2 where drift is open.
int show_status(const Context& context);

struct WatchOptions {
  std::string from;         ///< id to resume after
  std::uint64_t count = 0;  ///< ends after so many events; 0 = never
};
/// Follows the stream for ever, through losses of the connection. Only the first connection may fail.
int watch(const Context& context, const WatchOptions& options);

/// The agent's own word where one answers, else whether one could run here. 1 where something is wrong; a collector is
/// a mistake of usage.
int doctor(const Context& context);

/// A health check of an agent or collector, for whoever starts and restarts it: `what` is livez, readyz or startupz. 0
/// where all is well, 1 where it says that it is not, and its checks either way.
int probe(const Context& context, const std::string& what);

struct SimulateOptions {
  std::string resource;  ///< "" = any that matches its baseline and is watched
  std::chrono::milliseconds timeout{10'000};
  std::chrono::milliseconds reported{0};  ///< wait so long until the collector has it, too; 0 = do not ask
};
/// Sets a managed file's times to what they are and waits for the finding. 1 where it does not come, or is not
/// reported.
int simulate(const Context& context, const SimulateOptions& options);

struct TokenOptions {
  std::string node;
  std::string lasts;  ///< "24h"
  std::string id;
};
/// Enrolment tokens of a collector: makes one and prints it, lists them, takes one back.
int create_token(const Context& context, const TokenOptions& options);
int list_tokens(const Context& context);
int revoke_token(const Context& context, const TokenOptions& options);

struct RollbackOptions {
  std::string drift;  ///< what find_drift() takes
  bool dry_run = false;
  bool undo = false;  ///< bring back what was overwritten for it
};
/// Has the agent put a drifted file back. 1 where it was not.
int roll_back(const Context& context, const RollbackOptions& options);

struct RunOptions {
  std::string id;     ///< "" = one is made
  std::string lasts;  ///< "30m"
  std::vector<std::string> baselines, resources, paths;
  bool best_effort = false;
  std::vector<std::string> command;
};
/// Has the agent approve this process as a run and becomes the command, which is then covered with all that it starts.
/// Returns where that failed: 126 and 127 as shells do, else before anything ran. The run's token is
/// Options::token_file.
int run_approved(const Context& context, const RunOptions& options);

struct SilenceOptions {
  std::string resource, baseline, max_severity;  ///< "" = any; the node is Options::node
  std::string lasts, until;                      ///< one of them: "2h", RFC 3339
  std::string reason;
  std::string by;  ///< "" = $USER
  bool all = false;
};
/// What a collector's pagers and chats hold back, until a time. The collector says what is wrong with it.
int create_silence(const Context& context, const SilenceOptions& options);
/// `all`: those that have ended, too.
int list_silences(const Context& context, bool all);
int end_silence(const Context& context, const std::string& id, const std::string& by);

/// What a collector is told of a node (its name, or its id), with a reason.
int forget_node(const Context& context, const std::string& node, const std::string& reason, const std::string& by);
int acknowledge_node(const Context& context, const std::string& node, const std::string& reason, const std::string& by);
int revoke_node(const Context& context, const std::string& node, const std::string& reason, const std::string& by);

struct PrepareOptions {
  std::string owner;   ///< "UID:GID"
  std::string canary;  ///< "" = none is made
  std::vector<std::string> folders;
};
/// Makes the folders where they are missing, with mode 0700, and gives them and what is in them to the owner, without
/// following links. What an agent that is not root needs before it starts; run as root.
int prepare_node(const Context& context, const PrepareOptions& options);

struct CleanupOptions {
  std::vector<std::string> folders;
  std::chrono::milliseconds wait{0};  ///< for an agent that still answers; then nothing is removed
};
/// Removes the folders with all that is in them: pins, so that the kernel unloads what they hold, and state.
int clean_up(const Context& context, const CleanupOptions& options);

struct RolloutOptions {
  std::string name;     ///< of a DaemonSet in the pod's own namespace
  std::string api;      ///< URL of the API server; "" = the cluster's own, as pods are told it
  std::string account;  ///< folder of the service account: token, ca.crt, namespace
  std::chrono::milliseconds wait{120'000};
};
/// Waits until as many pods of it are ready as there are nodes for it. 1 where the time is over, with how far it got.
int await_rollout(const Context& context, const RolloutOptions& options);

/// Does nothing until SIGTERM or SIGINT: what is left of a pod whose init containers did the work.
int pause_until_ended(const Context& context);

}  // namespace plumbline::ctl

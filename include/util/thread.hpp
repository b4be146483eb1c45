// Threads that work beside the main one.
#pragma once

#include <pthread.h>

#include <csignal>
#include <functional>
#include <thread>

namespace plumbline {

/// Starts a thread that leaves the process's signals to the main thread. `name`: at most 15 characters, for ps and top.
inline std::thread start_thread(const char* name, std::function<void()> run) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread([name, run = std::move(run)] {
    pthread_setname_np(pthread_self(), name);
    run();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace plumbline

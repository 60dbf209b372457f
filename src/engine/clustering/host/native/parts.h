/** Work in parts, shared out among threads that live no longer than it. */
#pragma once
#include <atomic>
#include <cstddef>
#include <system_error>
#include <thread>
#include <vector>

namespace host {

/** Calls work(part, thread) for every part below `parts`, each once; `thread` is below `threads`. It must not throw. */
template <class Work>
void forEachPart(size_t parts, size_t threads, const Work& work) {
  std::atomic<size_t> next{0};
  const auto take = [&](size_t thread) {
    for (size_t part = next++; part < parts; part = next++) work(part, thread);
  };
  std::vector<std::thread> others;
  others.reserve(threads);
  try {
    for (size_t thread = 1; thread < threads && thread < parts; thread += 1) {
      others.emplace_back(take, thread);
    }
  } catch (const std::system_error&) {
    // As many as the system gives: the parts are the same.
  }
  take(0);
  for (std::thread& other : others) other.join();
}

}  // namespace host

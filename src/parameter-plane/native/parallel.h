/** Work on ranges of a long vector, by several threads. */
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace plane {

/** Elements of one piece of work: 256 KiB of float32, some tens of microseconds. */
constexpr size_t PIECE = 65536;

/** Calls work(begin, end) for all pieces of begin .. end, each once, in whatever order. */
template <class Work>
void inPieces(size_t threads, size_t begin, size_t end, const Work& work) {
  const size_t pieces = (end - begin + PIECE - 1) / PIECE;
  std::atomic<size_t> next{0};
  const auto run = [&] {
    for (;;) {
      const size_t piece = next.fetch_add(1);
      if (piece >= pieces) return;
      const size_t from = begin + piece * PIECE;
      work(from, std::min(end, from + PIECE));
    }
  };
  std::vector<std::thread> others;
  const size_t wanted = std::min(threads, pieces);
  for (size_t i = 1; i < wanted; i += 1) others.emplace_back(run);
  run();
  for (std::thread& other : others) other.join();
}

}  // namespace plane

/** Memory that several processes of one machine map. */
#pragma once

#include <cstddef>

namespace plane {

struct Mapping {
  void* data;
  size_t bytes;
  /** -1 where this process did not make it. */
  int descriptor;
};

/** Whether this system has what segments need. */
bool hasSegments();

/**
 * Anonymous memory behind a file descriptor, of zeros: it is gone when the last process that maps it
 * has ended, however that ended. It cannot be made shorter, so that nobody who maps it is killed.
 * @throws std::runtime_error
 */
Mapping createSegment(size_t bytes);

/**
 * The segment behind another process' descriptor, to be read only.
 * @throws std::runtime_error where there is none, or it is none of createSegment's of this length
 */
Mapping openSegment(size_t process, size_t descriptor, size_t bytes);

void unmap(const Mapping& mapping);

}  // namespace plane

#include "segment.h"

#include <stdexcept>
#include <string>

#ifdef __linux__
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace plane {

#ifdef __linux__

namespace {

/** What is sealed: its length. */
constexpr int SEALS = F_SEAL_SHRINK | F_SEAL_GROW;

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(std::string("shared memory: ") + what + ": " + std::strerror(errno));
}

/** Closes a descriptor unless it is kept. */
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  int get() const { return number_; }
  int keep() {
    const int number = number_;
    number_ = -1;
    return number;
  }

 private:
  int number_;
};

void* mapped(int descriptor, size_t bytes, int protection) {
  void* const data = mmap(nullptr, bytes, protection, MAP_SHARED, descriptor, 0);
  if (data == MAP_FAILED) fail("mmap");
  // A hint: fewer page faults where the system has large pages for it.
  madvise(data, bytes, MADV_HUGEPAGE);
  return data;
}

}  // namespace

bool hasSegments() { return true; }

Mapping createSegment(size_t bytes) {
  Descriptor file(memfd_create("deepcluster", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (file.get() < 0) fail("memfd_create");
  if (ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) fail("ftruncate");
  if (fcntl(file.get(), F_ADD_SEALS, SEALS) != 0) fail("seal");
  void* const data = mapped(file.get(), bytes, PROT_READ | PROT_WRITE);
  return {data, bytes, file.keep()};
}

Mapping openSegment(size_t process, size_t descriptor, size_t bytes) {
  const std::string path =
      "/proc/" + std::to_string(process) + "/fd/" + std::to_string(descriptor);
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) fail("open");
  struct stat status;
  if (fstat(file.get(), &status) != 0) fail("stat");
  const int seals = fcntl(file.get(), F_GET_SEALS);
  const bool isSealed = seals >= 0 && (seals & SEALS) == SEALS;
  if (!S_ISREG(status.st_mode) || !isSealed || static_cast<size_t>(status.st_size) != bytes) {
    throw std::runtime_error("shared memory: the descriptor is no segment of this length");
  }
  return {mapped(file.get(), bytes, PROT_READ), bytes, -1};
}

void unmap(const Mapping& mapping) {
  munmap(mapping.data, mapping.bytes);
  if (mapping.descriptor >= 0) close(mapping.descriptor);
}

#else

bool hasSegments() { return false; }

Mapping createSegment(size_t) { throw std::runtime_error("shared memory: Linux only"); }

Mapping openSegment(size_t, size_t, size_t) {
  throw std::runtime_error("shared memory: Linux only");
}

void unmap(const Mapping&) {}

#endif

}  // namespace plane

// Copies a tensor to its place in a flat array of the program, on all threads: the array's memory is the input `destination`,
// of integers, since these stay in the program's memory where the engine computes on a GPU.

#include <algorithm>
#include <cstring>

#include "operation.h"
#include "team.h"

namespace deepcluster {
namespace {

// Of one job [floats].
constexpr int64_t kPiece = 1 << 18;

class CopyOut {
 public:
  explicit CopyOut(const Attributes& attributes) : offset_(attributes.Int("offset")) {}

  void Compute(Call& call) const {
    const int64_t size = SizeOf(call.ShapeOf(1));
    if (offset_ < 0 || offset_ + size > SizeOf(call.ShapeOf(0))) {
      call.Fail("copy out: the part does not fit into its destination");
      return;
    }
    float* const destination = call.MutableFloats(0) + offset_;
    const float* const part = call.Floats(1);
    ForEachJob((size + kPiece - 1) / kPiece, [&](int64_t job) {
      const int64_t begin = job * kPiece;
      std::memcpy(destination + begin, part + begin, std::min(kPiece, size - begin) * sizeof(float));
    });
  }

 private:
  const int64_t offset_;
};

const Registration<CopyOut> copy_out({
    "DeepclusterCopyOut",
    {"destination: int32", "part: T"},
    {},
    {"offset: int"},
    true,
});

}  // namespace
}  // namespace deepcluster

// Answers whether these operations are in the addon, and whether they are those that the program was written for.

#include "operation.h"

namespace deepcluster {
namespace {

// To be raised with KERNELS_REVISION in src/engine/tensorflow/runtime.ts where an operation changes what it takes or gives.
constexpr int64_t kRevision = 2;

class Kernels {
 public:
  explicit Kernels(const Attributes& attributes) : revision_(attributes.Int("revision")) {}

  void Compute(Call& call) const {
    if (revision_ != kRevision) call.Fail("these operations are of another revision");
  }

 private:
  const int64_t revision_;
};

const Registration<Kernels> kernels({"DeepclusterKernels", {}, {}, {"revision: int"}, true});

}  // namespace
}  // namespace deepcluster

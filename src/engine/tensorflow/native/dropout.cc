// The mask of a dropout layer, drawn as src/engine/tfjs/dropout-mask.ts draws it: xoshiro128** (Blackman and Vigna 2018) from a given state.

#include "operation.h"

namespace deepcluster {
namespace {

uint32_t RotateLeft(uint32_t value, int bits) { return value << bits | value >> (32 - bits); }

class DropoutMask {
 public:
  explicit DropoutMask(const Attributes& attributes)
      : elements_(attributes.Int("elements")),
        threshold_(attributes.Int("threshold")),
        scale_(attributes.Float("scale")) {}

  void Compute(Call& call) const {
    if (SizeOf(call.ShapeOf(0)) != 4) {
      call.Fail("dropout: a state has four words");
      return;
    }
    float* const mask = call.Output(0, {elements_});
    if (mask == nullptr) return;
    const int32_t* const state = call.Words(0);
    uint32_t s0 = state[0], s1 = state[1], s2 = state[2], s3 = state[3];
    for (int64_t i = 0; i < elements_; ++i) {
      const uint32_t drawn = RotateLeft(s1 * 5, 7) * 9;
      const uint32_t shifted = s1 << 9;
      s2 ^= s0;
      s3 ^= s1;
      s1 ^= s2;
      s0 ^= s3;
      s2 ^= shifted;
      s3 = RotateLeft(s3, 11);
      mask[i] = drawn < threshold_ ? 0.0f : scale_;
    }
  }

 private:
  const int64_t elements_;
  // Draws below it drop their elements; up to 2^32.
  const int64_t threshold_;
  const float scale_;
};

const Registration<DropoutMask> dropout_mask({
    "DeepclusterDropoutMask",
    {"state: int32"},
    {"mask: T"},
    {"elements: int", "threshold: int", "scale: float"},
    true,
});

}  // namespace
}  // namespace deepcluster

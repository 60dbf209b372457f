// What follows an operation, done to its result in place: the first input is written.
// Shapes: y is N rows of C channels, whatever its rank; sum and part are alike.

#include <algorithm>

#include "operation.h"
#include "team.h"

namespace deepcluster {

// y + bias, then max(y, 0) if `rectify`.
FOR_EACH_CPU
void AddBias(float* __restrict__ y, int64_t rows, int64_t channels, const float* __restrict__ bias,
             bool rectify) {
  for (int64_t r = 0; r < rows; ++r, y += channels) {
    if (rectify) {
      for (int64_t c = 0; c < channels; ++c) {
        const float value = y[c] + bias[c];
        y[c] = value < 0.0f ? 0.0f : value;  // NaN stays
      }
    } else {
      for (int64_t c = 0; c < channels; ++c) y[c] += bias[c];
    }
  }
}

// sum + part, then max(sum, 0) if `rectify`.
FOR_EACH_CPU
void AddParts(float* __restrict__ sum, const float* __restrict__ part, int64_t count, bool rectify) {
  if (rectify) {
    for (int64_t i = 0; i < count; ++i) {
      const float value = sum[i] + part[i];
      sum[i] = value < 0.0f ? 0.0f : value;  // NaN stays
    }
  } else {
    for (int64_t i = 0; i < count; ++i) sum[i] += part[i];
  }
}

namespace {

// Of one job [floats].
constexpr int64_t kPiece = 1 << 16;

class Bias {
 public:
  explicit Bias(const Attributes& attributes) : rectify_(attributes.Bool("rectify")) {}

  void Compute(Call& call) const {
    const Shape& shape = call.ShapeOf(0);
    const int64_t channels = SizeOf(call.ShapeOf(1));
    if (shape.empty() || shape.back() != channels || channels == 0) {
      call.Fail("bias: not one a channel");
      return;
    }
    float* const y = call.MutableFloats(0);
    const float* const bias = call.Floats(1);
    const int64_t rows = SizeOf(shape) / channels;
    const int64_t piece = std::max<int64_t>(1, kPiece / channels);
    ForEachJob((rows + piece - 1) / piece, [&](int64_t job) {
      const int64_t begin = job * piece;
      AddBias(y + begin * channels, std::min(piece, rows - begin), channels, bias, rectify_);
    });
  }

 private:
  const bool rectify_;
};

class AddInto {
 public:
  explicit AddInto(const Attributes& attributes) : rectify_(attributes.Bool("rectify")) {}

  void Compute(Call& call) const {
    if (call.ShapeOf(0) != call.ShapeOf(1)) {
      call.Fail("sum: shapes differ");
      return;
    }
    const int64_t size = SizeOf(call.ShapeOf(0));
    float* const sum = call.MutableFloats(0);
    const float* const part = call.Floats(1);
    ForEachJob((size + kPiece - 1) / kPiece, [&](int64_t job) {
      const int64_t begin = job * kPiece;
      AddParts(sum + begin, part + begin, std::min(kPiece, size - begin), rectify_);
    });
  }

 private:
  const bool rectify_;
};

const Registration<AddInto> add_into({
    "DeepclusterAddInto",
    {"sum: T", "part: T"},
    {},
    {"rectify: bool"},
});

const Registration<Bias> add_bias({
    "DeepclusterAddBias",
    {"y: T", "bias: T"},
    {},
    {"rectify: bool"},
});

}  // namespace
}  // namespace deepcluster

// The gradient of max pooling: each window's goes to its first largest element, row by row. That element is the one that
// equals the output, so that nothing is searched for but its place. Shapes: input and dx [B, H, W, C], output and dy
// [B, OH, OW, C].

#include <algorithm>
#include <cstring>

#include "operation.h"
#include "team.h"

namespace deepcluster {

struct PoolGeometry {
  int64_t height, width, out_height, out_width, channels;
  Attributes::Pair window, strides;
  // Pixels above and left of the image that are never the largest.
  Attributes::Pair pads;
};

// One image. `rest` [C]: what of a window's gradient has not found its place yet.
FOR_EACH_CPU
void RouteGradients(const PoolGeometry& g, const float* __restrict__ input,
                    const float* __restrict__ output, const float* __restrict__ dy,
                    float* __restrict__ dx, float* __restrict__ rest) {
  const int64_t channels = g.channels;
  const int64_t row = g.width * channels;
  int64_t cleared = 0;
  const auto clear_up_to = [&](int64_t end) {
    if (end <= cleared) return;
    std::memset(dx + cleared * row, 0, (end - cleared) * row * sizeof(float));
    cleared = end;
  };
  for (int64_t oy = 0; oy < g.out_height; ++oy) {
    const int64_t top = oy * g.strides.rows - g.pads.rows;
    const int64_t y0 = std::max<int64_t>(0, top);
    const int64_t y1 = std::min(g.height, top + g.window.rows);
    clear_up_to(y1);
    for (int64_t ox = 0; ox < g.out_width; ++ox, output += channels, dy += channels) {
      const int64_t left = ox * g.strides.columns - g.pads.columns;
      const int64_t x0 = std::max<int64_t>(0, left);
      const int64_t x1 = std::min(g.width, left + g.window.columns);
      std::memcpy(rest, dy, channels * sizeof(float));
      for (int64_t y = y0; y < y1; ++y) {
        for (int64_t x = x0; x < x1; ++x) {
          const float* const in = input + y * row + x * channels;
          float* const to = dx + y * row + x * channels;
          for (int64_t c = 0; c < channels; ++c) {
            const bool is_largest = in[c] == output[c];
            to[c] += is_largest ? rest[c] : 0.0f;
            rest[c] = is_largest ? 0.0f : rest[c];
          }
        }
      }
    }
  }
  clear_up_to(g.height);
}

namespace {

class MaxPoolGradient {
 public:
  explicit MaxPoolGradient(const Attributes& attributes)
      : window_(attributes.PairOf("window")),
        strides_(attributes.PairOf("strides")),
        pads_(attributes.PairOf("pads")) {}

  void Compute(Call& call) const {
    const Shape& in = call.ShapeOf(0);
    const Shape& out = call.ShapeOf(1);
    if (in.size() != 4 || out.size() != 4 || call.ShapeOf(2) != out || in[0] != out[0] ||
        in[3] != out[3]) {
      call.Fail("gradient of max pooling: shapes of input, output and dy do not fit");
      return;
    }
    const PoolGeometry geometry = {in[1], in[2], out[1], out[2], in[3], window_, strides_, pads_};
    float* const dx = call.Output(0, in);
    if (dx == nullptr) return;
    const float* const input = call.Floats(0);
    const float* const output = call.Floats(1);
    const float* const dy = call.Floats(2);
    const int64_t in_size = in[1] * in[2] * in[3];
    const int64_t out_size = out[1] * out[2] * out[3];
    ForEachJob(in[0], [&](int64_t b) {
      std::vector<float> rest(geometry.channels);
      RouteGradients(geometry, input + b * in_size, output + b * out_size, dy + b * out_size,
                     dx + b * in_size, rest.data());
    });
  }

 private:
  const Attributes::Pair window_;
  const Attributes::Pair strides_;
  const Attributes::Pair pads_;
};

const Registration<MaxPoolGradient> max_pool_gradient({
    "DeepclusterMaxPoolGradient",
    {"input: T", "output: T", "dy: T"},
    {"dx: T"},
    {"window: list(int)", "strides: list(int)", "pads: list(int)"},
});

}  // namespace
}  // namespace deepcluster

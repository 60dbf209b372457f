// Batch norm over a batch's own statistics and the ReLU behind it, forward and back, each in two sweeps over the activations.
// The gradient does not read the output: whether an element passed the ReLU is computed again from x, to the same bit.
// Shapes: x, y, dy and dx are N rows (pixels) of C channels, whatever their rank; all else is [C].
// Sums: float32 within a chunk of rows, float64 over the chunks, whose bounds depend on the shape alone.

#include <algorithm>
#include <cmath>
#include <vector>

#include "operation.h"
#include "team.h"

namespace deepcluster {

// Rows of one chunk, as many as stay in the cache between two sweeps.
FOR_EACH_CPU
void ChunkMoments(const float* __restrict__ x, int64_t rows, int64_t channels,
                  float* __restrict__ mean, float* __restrict__ squares) {
  std::fill(mean, mean + channels, 0.0f);
  std::fill(squares, squares + channels, 0.0f);
  for (int64_t r = 0; r < rows; ++r) {
    const float* const row = x + r * channels;
    for (int64_t c = 0; c < channels; ++c) mean[c] += row[c];
  }
  const float count = static_cast<float>(rows);
  for (int64_t c = 0; c < channels; ++c) mean[c] /= count;
  for (int64_t r = 0; r < rows; ++r) {
    const float* const row = x + r * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const float centred = row[c] - mean[c];
      squares[c] += centred * centred;
    }
  }
}

// y = x * scale + shift, then max(y, 0) if `rectify`.
FOR_EACH_CPU
void ScaleRows(const float* __restrict__ x, int64_t rows, int64_t channels,
               const float* __restrict__ scale, const float* __restrict__ shift, bool rectify,
               float* __restrict__ y) {
  for (int64_t r = 0; r < rows; ++r, x += channels, y += channels) {
    if (rectify) {
      for (int64_t c = 0; c < channels; ++c) {
        const float value = x[c] * scale[c] + shift[c];
        y[c] = value < 0.0f ? 0.0f : value;  // NaN stays
      }
    } else {
      for (int64_t c = 0; c < channels; ++c) y[c] = x[c] * scale[c] + shift[c];
    }
  }
}

// Statistics of the forward sweep and what it made of them.
struct Norm {
  const float* mean;
  const float* scale;
  const float* shift;
};

// Sums over a chunk of g and of g * (x - mean), where g is dy, or zero where the ReLU was shut.
FOR_EACH_CPU
void ChunkGradientSums(const float* __restrict__ dy, const float* __restrict__ x, int64_t rows,
                       int64_t channels, const Norm& norm, bool rectify, float* __restrict__ sums,
                       float* __restrict__ products) {
  const float* __restrict__ const mean = norm.mean;
  const float* __restrict__ const scale = norm.scale;
  const float* __restrict__ const shift = norm.shift;
  std::fill(sums, sums + channels, 0.0f);
  std::fill(products, products + channels, 0.0f);
  for (int64_t r = 0; r < rows; ++r, dy += channels, x += channels) {
    if (rectify) {
      for (int64_t c = 0; c < channels; ++c) {
        const float g = x[c] * scale[c] + shift[c] > 0.0f ? dy[c] : 0.0f;
        sums[c] += g;
        products[c] += g * (x[c] - mean[c]);
      }
    } else {
      for (int64_t c = 0; c < channels; ++c) {
        sums[c] += dy[c];
        products[c] += dy[c] * (x[c] - mean[c]);
      }
    }
  }
}

// dx = scale * g - slope * (x - mean) - level
FOR_EACH_CPU
void GradientRows(const float* __restrict__ dy, const float* __restrict__ x, int64_t rows,
                  int64_t channels, const Norm& norm, const float* __restrict__ slope,
                  const float* __restrict__ level, bool rectify, float* __restrict__ dx) {
  const float* __restrict__ const mean = norm.mean;
  const float* __restrict__ const scale = norm.scale;
  const float* __restrict__ const shift = norm.shift;
  for (int64_t r = 0; r < rows; ++r, dy += channels, x += channels, dx += channels) {
    if (rectify) {
      for (int64_t c = 0; c < channels; ++c) {
        const float g = x[c] * scale[c] + shift[c] > 0.0f ? dy[c] : 0.0f;
        dx[c] = scale[c] * g - slope[c] * (x[c] - mean[c]) - level[c];
      }
    } else {
      for (int64_t c = 0; c < channels; ++c) {
        dx[c] = scale[c] * dy[c] - slope[c] * (x[c] - mean[c]) - level[c];
      }
    }
  }
}

namespace {

// N rows of C channels, cut into chunks of about 64 KB, though not of so few rows that their sums cost as much as they.
struct Rows {
  int64_t rows;
  int64_t channels;
  int64_t chunk;

  explicit Rows(const Shape& shape)
      : channels(shape.empty() ? 1 : shape.back()), chunk(std::max<int64_t>(32, 16384 / std::max<int64_t>(1, channels))) {
    rows = channels == 0 ? 0 : SizeOf(shape) / channels;
  }

  int64_t chunks() const { return (rows + chunk - 1) / chunk; }

  template <typename Work>
  void ForEachChunk(const Work& work) const {
    ForEachJob(chunks(), [&](int64_t job) {
      const int64_t begin = job * chunk;
      work(job, begin * channels, std::min(chunk, rows - begin));
    });
  }
};

// Two numbers of each channel from each chunk.
class Partials {
 public:
  explicit Partials(const Rows& rows)
      : channels_(rows.channels), values_(2 * rows.chunks() * rows.channels) {}

  float* first(int64_t chunk) { return values_.data() + 2 * chunk * channels_; }
  float* second(int64_t chunk) { return first(chunk) + channels_; }

 private:
  const int64_t channels_;
  std::vector<float> values_;
};

class BatchNorm {
 public:
  explicit BatchNorm(const Attributes& attributes)
      : rectify_(attributes.Bool("rectify")), epsilon_(attributes.Float("epsilon")) {}

  void Compute(Call& call) const {
    const Rows rows(call.ShapeOf(0));
    const int64_t channels = rows.channels;
    if (SizeOf(call.ShapeOf(1)) != channels || SizeOf(call.ShapeOf(2)) != channels) {
      call.Fail("batch norm: scale and shift are not one a channel");
      return;
    }
    const float* const x = call.Floats(0);
    float* const y = call.Output(0, call.ShapeOf(0));
    float* of_channel[4];
    for (int i = 0; i < 4; ++i) of_channel[i] = call.Output(1 + i, {channels});
    if (call.HasFailed()) return;
    const auto [mean, variance, scale, shift] = of_channel;

    Partials partials(rows);
    rows.ForEachChunk([&](int64_t chunk, int64_t at, int64_t count) {
      ChunkMoments(x + at, count, channels, partials.first(chunk), partials.second(chunk));
    });
    Join(rows, partials, mean, variance);
    for (int64_t c = 0; c < channels; ++c) {
      const double factor = call.Floats(1)[c] / std::sqrt(double{variance[c]} + epsilon_);
      scale[c] = static_cast<float>(factor);
      shift[c] = static_cast<float>(call.Floats(2)[c] - factor * mean[c]);
    }
    rows.ForEachChunk([&](int64_t, int64_t at, int64_t count) {
      ScaleRows(x + at, count, channels, scale, shift, rectify_, y + at);
    });
  }

 private:
  // Mean and biased variance of all rows from those of the chunks.
  static void Join(const Rows& rows, Partials& partials, float* mean, float* variance) {
    const int64_t channels = rows.channels;
    std::vector<double> sums(channels, 0.0), squares(channels, 0.0);
    const auto count_of = [&](int64_t chunk) {
      return static_cast<double>(std::min(rows.chunk, rows.rows - chunk * rows.chunk));
    };
    for (int64_t chunk = 0; chunk < rows.chunks(); ++chunk) {
      const double count = count_of(chunk);
      for (int64_t c = 0; c < channels; ++c) sums[c] += count * partials.first(chunk)[c];
    }
    for (double& sum : sums) sum /= static_cast<double>(rows.rows);
    for (int64_t chunk = 0; chunk < rows.chunks(); ++chunk) {
      const double count = count_of(chunk);
      for (int64_t c = 0; c < channels; ++c) {
        const double apart = partials.first(chunk)[c] - sums[c];
        squares[c] += partials.second(chunk)[c] + count * apart * apart;
      }
    }
    for (int64_t c = 0; c < channels; ++c) {
      mean[c] = static_cast<float>(sums[c]);
      variance[c] = static_cast<float>(squares[c] / static_cast<double>(rows.rows));
    }
  }

  const bool rectify_;
  const double epsilon_;
};

class BatchNormGradient {
 public:
  explicit BatchNormGradient(const Attributes& attributes)
      : rectify_(attributes.Bool("rectify")), epsilon_(attributes.Float("epsilon")) {}

  // Inputs: dy, x, and mean, variance, scale and shift as BatchNorm gave them.
  void Compute(Call& call) const {
    const Rows rows(call.ShapeOf(1));
    const int64_t channels = rows.channels;
    bool fits = call.ShapeOf(0) == call.ShapeOf(1);
    for (int i = 2; i < 6; ++i) fits = fits && SizeOf(call.ShapeOf(i)) == channels;
    if (!fits) {
      call.Fail("gradient of batch norm: shapes do not fit");
      return;
    }
    const float* const dy = call.Floats(0);
    const float* const x = call.Floats(1);
    const float* const variance = call.Floats(3);
    const Norm norm = {call.Floats(2), call.Floats(4), call.Floats(5)};
    float* const dx = call.Output(0, call.ShapeOf(1));
    float* const d_gamma = call.Output(1, {channels});
    float* const d_beta = call.Output(2, {channels});
    if (call.HasFailed()) return;

    Partials partials(rows);
    rows.ForEachChunk([&](int64_t chunk, int64_t at, int64_t count) {
      ChunkGradientSums(dy + at, x + at, count, channels, norm, rectify_, partials.first(chunk),
                        partials.second(chunk));
    });
    std::vector<double> sums(channels, 0.0), products(channels, 0.0);
    for (int64_t chunk = 0; chunk < rows.chunks(); ++chunk) {
      for (int64_t c = 0; c < channels; ++c) sums[c] += partials.first(chunk)[c];
      for (int64_t c = 0; c < channels; ++c) products[c] += partials.second(chunk)[c];
    }
    std::vector<float> slope(channels), level(channels);
    const double count = static_cast<double>(rows.rows);
    for (int64_t c = 0; c < channels; ++c) {
      const double spread = double{variance[c]} + epsilon_;
      d_gamma[c] = static_cast<float>(products[c] / std::sqrt(spread));
      d_beta[c] = static_cast<float>(sums[c]);
      slope[c] = static_cast<float>(norm.scale[c] * products[c] / (spread * count));
      level[c] = static_cast<float>(norm.scale[c] * sums[c] / count);
    }
    rows.ForEachChunk([&](int64_t, int64_t at, int64_t n) {
      GradientRows(dy + at, x + at, n, channels, norm, slope.data(), level.data(), rectify_, dx + at);
    });
  }

 private:
  const bool rectify_;
  const double epsilon_;
};

const Registration<BatchNorm> batch_norm({
    "DeepclusterBatchNorm",
    {"x: T", "gamma: T", "beta: T"},
    {"y: T", "mean: T", "variance: T", "scale: T", "shift: T"},
    {"rectify: bool", "epsilon: float"},
});

const Registration<BatchNormGradient> batch_norm_gradient({
    "DeepclusterBatchNormGradient",
    {"dy: T", "x: T", "mean: T", "variance: T", "scale: T", "shift: T"},
    {"dx: T", "d_gamma: T", "d_beta: T"},
    {"rectify: bool", "epsilon: float"},
});

}  // namespace
}  // namespace deepcluster

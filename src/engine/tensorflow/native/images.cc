// From bytes of images to what the first convolution sees, as src/engine/plain/front-end.ts has it, to the bit: normalised colours, or
// the Sobel maps of their mean. Computed in float64, stored in float32. Shapes: pixels [B, H, W, 3], maps [B, H, W, 2 or 3].

#include <algorithm>
#include <array>
#include <vector>

#include "operation.h"
#include "team.h"

namespace deepcluster {

// Maps of one row. Rows of grey have a zero before and behind them.
FOR_EACH_CPU
void SobelRow(const double* __restrict__ above, const double* __restrict__ here,
              const double* __restrict__ below, int64_t width, float* __restrict__ maps) {
  for (int64_t x = 0; x < width; ++x) {
    const double diagonal = above[x] - below[x + 2];
    const double antidiagonal = above[x + 2] - below[x];
    maps[2 * x] = static_cast<float>(diagonal - antidiagonal + 2 * (here[x] - here[x + 2]));
    maps[2 * x + 1] =
        static_cast<float>(diagonal + antidiagonal + 2 * (above[x + 1] - below[x + 1]));
  }
}

namespace {

// Of ImageNet's training images, by channel, on the scale 0 .. 1.
constexpr double kMean[3] = {0.485, 0.456, 0.406};
constexpr double kDeviation[3] = {0.229, 0.224, 0.225};

// Normalised value of each byte, by channel.
using Table = std::array<std::array<double, 256>, 3>;

Table MakeTable() {
  Table table;
  for (int channel = 0; channel < 3; ++channel) {
    for (int byte = 0; byte < 256; ++byte) {
      table[channel][byte] = (byte / 255.0 - kMean[channel]) / kDeviation[channel];
    }
  }
  return table;
}

const Table& NormalisedBytes() {
  static const Table table = MakeTable();
  return table;
}

void Colours(const uint8_t* pixels, int64_t count, float* maps) {
  const Table& table = NormalisedBytes();
  for (int64_t i = 0; i < 3 * count; i += 3) {
    for (int channel = 0; channel < 3; ++channel) {
      maps[i + channel] = static_cast<float>(table[channel][pixels[i + channel]]);
    }
  }
}

void SobelMaps(const uint8_t* pixels, int64_t height, int64_t width, float* maps) {
  const Table& table = NormalisedBytes();
  // Three rows go round: the one above, the one to fill, the one below; outside the image all are zero.
  std::vector<double> rows(3 * (width + 2), 0.0);
  const auto row_of = [&](int64_t y) { return rows.data() + (y + 3) % 3 * (width + 2); };
  const auto fill = [&](int64_t y) {
    double* const row = row_of(y) + 1;
    if (y == height) {
      std::fill(row, row + width, 0.0);
      return;
    }
    const uint8_t* pixel = pixels + y * width * 3;
    for (int64_t x = 0; x < width; ++x, pixel += 3) {
      row[x] = (table[0][pixel[0]] + table[1][pixel[1]] + table[2][pixel[2]]) / 3;
    }
  };
  fill(0);
  for (int64_t y = 0; y < height; ++y) {
    fill(y + 1);
    SobelRow(row_of(y - 1), row_of(y), row_of(y + 1), width, maps + y * width * 2);
  }
}

class NetworkInput {
 public:
  explicit NetworkInput(const Attributes& attributes) : sobel_(attributes.Bool("sobel")) {}

  void Compute(Call& call) const {
    const Shape& shape = call.ShapeOf(0);
    if (shape.size() != 4 || shape[3] != 3) {
      call.Fail("network input: images are not [B, H, W, 3]");
      return;
    }
    const int64_t channels = sobel_ ? 2 : 3;
    const int64_t height = shape[1], width = shape[2];
    const uint8_t* const pixels = call.Bytes(0);
    float* const maps = call.Output(0, {shape[0], height, width, channels});
    if (maps == nullptr) return;
    ForEachJob(shape[0], [&](int64_t b) {
      const uint8_t* const image = pixels + b * height * width * 3;
      float* const to = maps + b * height * width * channels;
      if (sobel_) SobelMaps(image, height, width, to);
      else Colours(image, height * width, to);
    });
  }

 private:
  const bool sobel_;
};

// The addon knows bytes as bool.
const Registration<NetworkInput> network_input({
    "DeepclusterNetworkInput",
    {"pixels: bool"},
    {"maps: T"},
    {"sobel: bool"},
});

}  // namespace
}  // namespace deepcluster

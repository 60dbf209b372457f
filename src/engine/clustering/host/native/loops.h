/**
 * Loops that the compiler makes vectors of, for whichever instruction set the function is compiled for that they are
 * inlined into. Plain C++: nothing here may be emitted on its own for one processor and be taken on another.
 */
#pragma once
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels.h"

#define HOST_INLINE static inline __attribute__((always_inline))

namespace host {

/** Sums that do not wait for each other. */
constexpr size_t LANES = 16;
/** Of a vector whose largest value is below it, nothing is coded: 127 / value must stay a float32. */
constexpr float LEAST_VALUE = 0x1p-90f;
/** Added to a float32 below 2^22, it leaves the nearest integer in the low bits. */
constexpr float ROUNDER = 0x1.8p23f;

HOST_INLINE int32_t bitsOf(float value) {
  int32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

HOST_INLINE float floatOf(int32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/** Lengths of what is coded, and of the rest; scale * code is exact in float64, whatever the scale. */
HOST_INLINE void measureLoop(const float* values, const float* centre, size_t dim, float scale,
                             const int8_t* codes, Coded& coded) {
  double squares[LANES] = {};
  double rests[LANES] = {};
  size_t j = 0;
  for (; j + LANES <= dim; j += LANES) {
    for (size_t lane = 0; lane < LANES; lane += 1) {
      const double value = static_cast<double>(values[j + lane]) - centre[j + lane];
      const double left = value - static_cast<double>(scale) * codes[j + lane];
      squares[lane] += value * value;
      rests[lane] += left * left;
    }
  }
  double square = 0;
  double rest = 0;
  for (; j < dim; j += 1) {
    const double value = static_cast<double>(values[j]) - centre[j];
    const double left = value - static_cast<double>(scale) * codes[j];
    square += value * value;
    rest += left * left;
  }
  for (size_t lane = 0; lane < LANES; lane += 1) {
    square += squares[lane];
    rest += rests[lane];
  }
  coded.length = static_cast<float>(std::sqrt(square));
  coded.loss = static_cast<float>(std::sqrt(rest));
}

HOST_INLINE Coded encodeLoop(const float* values, const float* centre, size_t dim, int levels,
                             int8_t* codes) {
  // Of floats without their sign the order of the bits is that of the numbers; NaN is above all.
  int32_t most = 0;
  for (size_t j = 0; j < dim; j += 1) {
    const int32_t magnitude = bitsOf(values[j] - centre[j]) & 0x7fffffff;
    most = magnitude > most ? magnitude : most;
  }
  if (most >= bitsOf(std::numeric_limits<float>::infinity())) {
    return {std::numeric_limits<float>::quiet_NaN(), 0, 0, 0};
  }
  const float largest = floatOf(most);
  const bool isCoded = largest >= LEAST_VALUE;
  const float inverse = isCoded ? static_cast<float>(levels) / largest : 0;
  Coded coded{isCoded ? largest / static_cast<float>(levels) : 0, 0, 0, 0};
  int32_t sum = 0;
  for (size_t j = 0; j < dim; j += 1) {
    // Which code it is matters little: the rest is what it leaves.
    const int32_t code = bitsOf((values[j] - centre[j]) * inverse + ROUNDER) - bitsOf(ROUNDER);
    codes[j] = static_cast<int8_t>(code);
    sum += code;
  }
  std::memset(codes + dim, 0, (dim + QUAD - 1) / QUAD * QUAD - dim);
  coded.sum = static_cast<float>(sum);
  measureLoop(values, centre, dim, coded.scale, codes, coded);
  return coded;
}

HOST_INLINE double dotLoop(const float* a, const float* b, size_t dim) {
  double sums[LANES] = {};
  size_t j = 0;
  for (; j + LANES <= dim; j += LANES) {
    for (size_t lane = 0; lane < LANES; lane += 1) {
      sums[lane] += static_cast<double>(a[j + lane]) * static_cast<double>(b[j + lane]);
    }
  }
  double total = 0;
  for (; j < dim; j += 1) total += static_cast<double>(a[j]) * static_cast<double>(b[j]);
  for (size_t lane = 0; lane < LANES; lane += 1) total += sums[lane];
  return total;
}

HOST_INLINE double centredDotLoop(const float* a, const float* b, const float* centre, size_t dim) {
  double sums[LANES] = {};
  size_t j = 0;
  for (; j + LANES <= dim; j += LANES) {
    for (size_t lane = 0; lane < LANES; lane += 1) {
      const double middle = centre[j + lane];
      sums[lane] += (a[j + lane] - middle) * (b[j + lane] - middle);
    }
  }
  double total = 0;
  for (; j < dim; j += 1) {
    const double middle = centre[j];
    total += (a[j] - middle) * (b[j] - middle);
  }
  for (size_t lane = 0; lane < LANES; lane += 1) total += sums[lane];
  return total;
}

HOST_INLINE void addLoop(const float* __restrict row, size_t count, double rounder,
                         double* __restrict sum) {
  for (size_t j = 0; j < count; j += 1) {
    sum[j] += (static_cast<double>(row[j]) + rounder) - rounder;
  }
}

HOST_INLINE int siftLoop(const int32_t* products, const float* scales, const float* halves,
                         int columns, float factor, float limit, int32_t* found, float* scores) {
  float values[MOST_COLUMNS];
  int above = 0;
  for (int c = 0; c < columns; c += 1) {
    values[c] = static_cast<float>(products[c]) * scales[c] - factor * halves[c];
    above |= values[c] >= limit;
  }
  if (above == 0) return 0;
  int count = 0;
  for (int c = 0; c < columns; c += 1) {
    if (!(values[c] >= limit)) continue;
    found[count] = c;
    scores[count] = values[c];
    count += 1;
  }
  return count;
}

}  // namespace host

/**
 * For x86 processors since Haswell and Zen. Their product of bytes adds pairs in int16: with centroids of six bits and a
 * sign the largest pair, 2 * 127 * 127, stays below 2^15.
 */
#if defined(__x86_64__)
#include <immintrin.h>

#include "loops.h"

#define FOR_AVX2 __attribute__((target("avx2,fma")))

namespace host {
namespace {

constexpr int ROWS = 4;
/** Vectors of 8 columns. */
constexpr int VECTORS = 2;
constexpr int COLUMNS = 8 * VECTORS;

bool isSupported() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

FOR_AVX2 Coded encode(const float* values, const float* centre, size_t dim, int levels,
                      int8_t* codes) {
  return encodeLoop(values, centre, dim, levels, codes);
}

FOR_AVX2 void multiply(const int8_t* const* rows, const uint8_t* panel, size_t quads,
                       const int32_t* start, int32_t* tile) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums[ROWS][VECTORS];
#pragma GCC unroll 4
  for (int r = 0; r < ROWS; r += 1) {
    sums[r][0] = _mm256_set1_epi32(start[r]);
    sums[r][1] = sums[r][0];
  }
  for (size_t q = 0; q < quads; q += 1) {
    __m256i columns[VECTORS];
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v += 1) {
      const uint8_t* const from = panel + (q * VECTORS + v) * 32;
      columns[v] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    }
#pragma GCC unroll 4
    for (int r = 0; r < ROWS; r += 1) {
      int32_t quad;
      __builtin_memcpy(&quad, rows[r] + q * QUAD, sizeof quad);
      const __m256i row = _mm256_set1_epi32(quad);
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v += 1) {
        const __m256i pairs = _mm256_maddubs_epi16(columns[v], row);
        sums[r][v] = _mm256_add_epi32(sums[r][v], _mm256_madd_epi16(pairs, ones));
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < ROWS; r += 1) {
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v += 1) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(tile + r * COLUMNS + 8 * v), sums[r][v]);
    }
  }
}

FOR_AVX2 int sift(const int32_t* products, const float* scales, const float* halves, float factor,
                  float limit, int32_t* found, float* scores) {
  return siftLoop(products, scales, halves, COLUMNS, factor, limit, found, scores);
}

FOR_AVX2 double dot(const float* a, const float* b, size_t dim) { return dotLoop(a, b, dim); }

FOR_AVX2 double centredDot(const float* a, const float* b, const float* centre, size_t dim) {
  return centredDotLoop(a, b, centre, dim);
}

FOR_AVX2 void add(const float* row, size_t count, double rounder, double* sum) {
  addLoop(row, count, rounder, sum);
}

}  // namespace

const Kernels AVX2 = {"AVX2", isSupported, ROWS, COLUMNS, 63,        64,
                      encode, multiply,    sift, dot,     centredDot, add};

}  // namespace host
#endif

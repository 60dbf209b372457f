/** For processors with AVX-512 and its instructions for networks: Intel since Ice Lake, AMD since Zen 4. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "loops.h"

#define FOR_AVX512 \
  __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))

namespace host {
namespace {

constexpr int ROWS = 8;
/** Vectors of 16 columns: with a broadcast, ROWS * VECTORS sums and VECTORS columns fill 28 of 32 registers. */
constexpr int VECTORS = 3;
constexpr int COLUMNS = 16 * VECTORS;

bool isSupported() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
}

FOR_AVX512 Coded encode(const float* values, const float* centre, size_t dim, int levels,
                        int8_t* codes) {
  return encodeLoop(values, centre, dim, levels, codes);
}

FOR_AVX512 void multiply(const int8_t* const* rows, const uint8_t* panel, size_t quads,
                         const int32_t* start, int32_t* tile) {
  __m512i sums[ROWS][VECTORS];
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; r += 1) {
#pragma GCC unroll 3
    for (int v = 0; v < VECTORS; v += 1) sums[r][v] = _mm512_set1_epi32(start[r]);
  }
  const int8_t* const r0 = rows[0];
  const int8_t* const r1 = rows[1];
  const int8_t* const r2 = rows[2];
  const int8_t* const r3 = rows[3];
  const int8_t* const r4 = rows[4];
  const int8_t* const r5 = rows[5];
  const int8_t* const r6 = rows[6];
  const int8_t* const r7 = rows[7];
  for (size_t q = 0; q < quads; q += 1) {
    __m512i columns[VECTORS];
#pragma GCC unroll 3
    for (int v = 0; v < VECTORS; v += 1) {
      columns[v] = _mm512_loadu_si512(panel + (q * VECTORS + v) * 64);
    }
    const int8_t* const at[ROWS] = {r0, r1, r2, r3, r4, r5, r6, r7};
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r += 1) {
      int32_t quad;
      __builtin_memcpy(&quad, at[r] + q * QUAD, sizeof quad);
      const __m512i row = _mm512_set1_epi32(quad);
#pragma GCC unroll 3
      for (int v = 0; v < VECTORS; v += 1) {
        sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], columns[v], row);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; r += 1) {
#pragma GCC unroll 3
    for (int v = 0; v < VECTORS; v += 1) {
      _mm512_storeu_si512(tile + r * COLUMNS + 16 * v, sums[r][v]);
    }
  }
}

FOR_AVX512 int sift(const int32_t* products, const float* scales, const float* halves, float factor,
                    float limit, int32_t* found, float* scores) {
  const __m512 factors = _mm512_set1_ps(factor);
  const __m512 limits = _mm512_set1_ps(limit);
  __m512 values[VECTORS];
  __mmask16 masks[VECTORS];
#pragma GCC unroll 3
  for (int v = 0; v < VECTORS; v += 1) {
    const __m512 product = _mm512_cvtepi32_ps(_mm512_loadu_si512(products + 16 * v));
    const __m512 scaled = _mm512_mul_ps(product, _mm512_loadu_ps(scales + 16 * v));
    values[v] = _mm512_fnmadd_ps(factors, _mm512_loadu_ps(halves + 16 * v), scaled);
    masks[v] = _mm512_cmp_ps_mask(values[v], limits, _CMP_GE_OQ);
  }
  if ((masks[0] | masks[1] | masks[2]) == 0) return 0;
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  int count = 0;
  for (int v = 0; v < VECTORS; v += 1) {
    const __m512i numbers = _mm512_add_epi32(lanes, _mm512_set1_epi32(16 * v));
    _mm512_mask_compressstoreu_epi32(found + count, masks[v], numbers);
    _mm512_mask_compressstoreu_ps(scores + count, masks[v], values[v]);
    count += __builtin_popcount(masks[v]);
  }
  return count;
}

FOR_AVX512 double dot(const float* a, const float* b, size_t dim) { return dotLoop(a, b, dim); }

FOR_AVX512 double centredDot(const float* a, const float* b, const float* centre, size_t dim) {
  return centredDotLoop(a, b, centre, dim);
}

FOR_AVX512 void add(const float* row, size_t count, double rounder, double* sum) {
  addLoop(row, count, rounder, sum);
}

}  // namespace

const Kernels AVX512_VNNI = {"AVX-512 VNNI", isSupported, ROWS, COLUMNS, 127,        128,
                             encode,         multiply,    sift, dot,     centredDot, add};

}  // namespace host
#endif

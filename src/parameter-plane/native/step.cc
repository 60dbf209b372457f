/**
 * Every operation is rounded as JavaScript rounds it: float64 throughout, to float32 where the
 * program stores float32. Built without contraction of products and sums.
 */
#include "step.h"

#include <atomic>
#include <cstdint>
#include <cstring>

#include "parallel.h"

namespace plane {
namespace {

/** Elements whose sums stay in the nearest cache while every slice passes over them. */
constexpr size_t BLOCK = 2048;

/** The slices' mean gradient per sample of elements at .. at + count. */
void meanGradient(const Stretch& stretch, size_t at, size_t count, double* sums, float* means) {
  const float* const first = stretch.gradients[0] + at;
  for (size_t i = 0; i < count; i += 1) sums[i] = first[i];
  for (size_t slice = 1; slice < stretch.gradients.size(); slice += 1) {
    const float* const gradient = stretch.gradients[slice] + at;
    for (size_t i = 0; i < count; i += 1) sums[i] += gradient[i];
  }
  for (size_t i = 0; i < count; i += 1) means[i] = static_cast<float>(sums[i] / stretch.samples);
}

void stepBlock(const Stretch& stretch, const Rule& rule, size_t at, size_t count) {
  double sums[BLOCK];
  float means[BLOCK];
  meanGradient(stretch, at, count, sums, means);
  const float* const from = stretch.from + at;
  float* const to = stretch.to + at;
  const double rate = rule.learningRate;
  const double decay = rule.weightDecay;
  const double own = rule.ownRate;
  if (stretch.momentumFrom == nullptr) {
    for (size_t i = 0; i < count; i += 1) {
      const double w = from[i];
      to[i] = static_cast<float>(w - rate * (own * (means[i] + decay * w)));
    }
    return;
  }
  const double momentum = rule.momentum;
  const float* const momentumFrom = stretch.momentumFrom + at;
  float* const momentumTo = stretch.momentumTo + at;
  for (size_t i = 0; i < count; i += 1) {
    const double w = from[i];
    const float v =
        static_cast<float>(momentum * momentumFrom[i] + own * (means[i] + decay * w));
    momentumTo[i] = v;
    to[i] = static_cast<float>(w - rate * v);
  }
}

bool isNonFinite(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return (bits & 0x7f800000u) == 0x7f800000u;
}

}  // namespace

void step(const Stretch& stretch, const Rule& rule, size_t threads) {
  inPieces(threads, stretch.begin, stretch.end, [&](size_t begin, size_t end) {
    for (size_t at = begin; at < end; at += BLOCK) {
      stepBlock(stretch, rule, at, std::min(BLOCK, end - at));
    }
  });
}

size_t firstNonFinite(const float* values, size_t count, size_t threads) {
  std::atomic<size_t> first{count};
  inPieces(threads, 0, count, [&](size_t begin, size_t end) {
    // The common case in a loop that has no way out, which the compiler vectorises.
    uint32_t any = 0;
    for (size_t i = begin; i < end; i += 1) any |= isNonFinite(values[i]) ? 1 : 0;
    if (any == 0) return;
    size_t at = begin;
    while (!isNonFinite(values[at])) at += 1;
    size_t known = first.load();
    while (at < known && !first.compare_exchange_weak(known, at)) {
    }
  });
  return first.load();
}

void copy(const float* from, float* to, size_t count, size_t threads) {
  inPieces(threads, 0, count, [&](size_t begin, size_t end) {
    std::memcpy(to + begin, from + begin, (end - begin) * sizeof(float));
  });
}

}  // namespace plane

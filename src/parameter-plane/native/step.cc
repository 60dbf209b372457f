/**
 * Every operation is rounded as JavaScript rounds it: float64 throughout, to float32 where the
 * program stores float32. Built without contraction of products and sums.
 */
#include "step.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <limits>

#include "parallel.h"
#include "processors.h"

namespace plane {
namespace {

/** Elements whose sums stay in the nearest cache while every slice passes over them. */
constexpr size_t BLOCK = 2048;
static_assert(BLOCK % SCALED == 0 && PIECE % BLOCK == 0);

/** Levels of a tree over as many slices as a size_t counts. */
constexpr size_t MOST_DEPTH = 65;

/** Scratch of one thread: the open sums of a block, and the mean gradient. */
struct Scratch {
  std::vector<float> sums;
  float means[BLOCK];
};

/** The units' mean gradient per sample of elements at .. at + count, in `scratch.means`. */
FOR_EACH_PROCESSOR void meanGradient(const Stretch& stretch, size_t at, size_t count, Scratch& scratch) {
  const float* parts[MOST_DEPTH];
  size_t open = 0;
  size_t next = 0;
  for (const TreeMove& move : stretch.moves) {
    if (!move.adds) {
      parts[open] = stretch.gradients[next] + at;
      open += 1;
      next += 1;
      continue;
    }
    const float* const left = parts[open - 2];
    const float* const right = parts[open - 1];
    float* const sum = scratch.sums.data() + move.depth * BLOCK;
    for (size_t i = 0; i < count; i += 1) sum[i] = left[i] + right[i];
    if (stretch.codec != Codec::float32) round(stretch.codec, sum, sum, count);
    open -= 1;
    parts[open - 1] = sum;
  }
  const double samples = stretch.samples;
  for (size_t i = 0; i < count; i += 1) {
    scratch.means[i] = static_cast<float>(parts[0][i] / samples);
  }
}

FOR_EACH_PROCESSOR void stepBlock(const Stretch& stretch, const Rule& rule, size_t at, size_t count,
               Scratch& scratch) {
  meanGradient(stretch, at, count, scratch);
  const float* const means = scratch.means;
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

/** Sums that are open at a time. */
size_t deepest(const std::vector<TreeMove>& moves) {
  size_t depth = 0;
  for (const TreeMove& move : moves) {
    if (move.adds) depth = std::max(depth, move.depth + 1);
  }
  return depth;
}

/** The first slice behind the smallest node that both are of. */
size_t endOfNode(size_t a, size_t b) {
  size_t width = 1;
  while (a / width != b / width) width *= 2;
  return (a / width + 1) * width;
}

inline bool isNonFinite(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return (bits & 0x7f800000u) == 0x7f800000u;
}

/** In a loop that has no way out, which the compiler vectorises. */
FOR_EACH_PROCESSOR bool hasNonFinite(const float* values, size_t begin, size_t end) {
  uint32_t any = 0;
  for (size_t i = begin; i < end; i += 1) any |= isNonFinite(values[i]) ? 1 : 0;
  return any != 0;
}

}  // namespace

std::vector<TreeMove> treeMoves(const std::vector<size_t>& slices) {
  std::vector<TreeMove> moves;
  std::vector<size_t> open;
  const auto addBefore = [&](size_t next) {
    while (open.size() >= 2 && next >= endOfNode(open[open.size() - 2], open.back())) {
      open.pop_back();
      moves.push_back({true, open.size() - 1});
    }
  };
  for (const size_t slice : slices) {
    addBefore(slice);
    open.push_back(slice);
    moves.push_back({false, 0});
    addBefore(slice + 1);
  }
  addBefore(std::numeric_limits<size_t>::max());
  return moves;
}

void step(const Stretch& stretch, const Rule& rule, size_t threads) {
  inPieces(threads, stretch.begin, stretch.end, [&](size_t begin, size_t end) {
    Scratch scratch;
    // Sized before it is used: where a part lies never changes within a piece.
    scratch.sums.resize(deepest(stretch.moves) * BLOCK);
    for (size_t at = begin; at < end; at += BLOCK) {
      stepBlock(stretch, rule, at, std::min(BLOCK, end - at), scratch);
    }
  });
}

size_t firstNonFinite(const float* values, size_t count, size_t threads) {
  std::atomic<size_t> first{count};
  inPieces(threads, 0, count, [&](size_t begin, size_t end) {
    if (!hasNonFinite(values, begin, end)) return;
    size_t at = begin;
    while (!isNonFinite(values[at])) at += 1;
    size_t known = first.load();
    while (at < known && !first.compare_exchange_weak(known, at)) {
    }
  });
  return first.load();
}

void add(const float* left, const float* right, float* sum, size_t count, size_t threads) {
  inPieces(threads, 0, count, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i += 1) sum[i] = left[i] + right[i];
  });
}

void copy(const float* from, float* to, size_t count, size_t threads) {
  inPieces(threads, 0, count, [&](size_t begin, size_t end) {
    std::memcpy(to + begin, from + begin, (end - begin) * sizeof(float));
  });
}

}  // namespace plane

/**
 * Scores of rows with centroids, x·c - |c|²/2, greatest for the nearest, by products of codes in integers, which are exact.
 * What coding takes is bounded by Cauchy and Schwarz: of x = x̂ + e and c = ĉ + f, |x·c - x̂·ĉ| <= |e||c| + |x̂||f|, with the
 * lengths of e and f as they are. So of each row only the centroids are left whose bound reaches the best score known, and
 * float64 decides among them: first by sums in any order, then, where these come too close, by those of the reference.
 * No score is kept but those of a tile. Scores of a row are in units of its scale times a power of two near the longest
 * centroid, as float32; products of two float32 are exact in float64, so that fused or not, sums there are the same.
 * Source of the bounds of sums: Higham, Accuracy and Stability of Numerical Algorithms, section 3.1.
 */
#include "nearest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "parts.h"

namespace host {
namespace {

/** Rows of a part: their codes stay in the cache while the panels go by. A multiple of every kernel's rows. */
constexpr size_t CHUNK_ROWS = 64;
/** Candidates that a row may have; with more, all centroids are looked at. */
constexpr int MOST_CANDIDATES = 64;
/** Unit roundoffs. */
constexpr double FLOAT_UNIT = 0x1p-24;
constexpr double DOUBLE_UNIT = 0x1p-53;
/** Above the rounding of the bounds themselves. */
constexpr double SLACK = 1.001;
/**
 * Roundings of a score and of what it is compared with, each at most FLOAT_UNIT of the largest it may be: four of the score's
 * factors and sum, and of the limit, the best score and the sums with a window some more.
 */
constexpr double ROUNDINGS = 16;
/** Above what numbers below the least normal float32 lose. */
constexpr double UNDERFLOW = 0x1p-80;
/** Above it the units of a row would leave float32. */
constexpr double MOST_FACTOR = 0x1p100;
/** Below any score in the units of its row: |code of x| < 2^15, and half a centroid's square times MOST_FACTOR. */
constexpr float LOWEST = -0x1p110f;
constexpr size_t CACHE_LINE = 64;

/** The reference's own sum, in the order of columns. */
double orderedSquares(const float* values, size_t dim) {
  double sum = 0;
  for (size_t j = 0; j < dim; j += 1) sum += static_cast<double>(values[j]) * values[j];
  return sum;
}

/** The most in a panel: how long its centroids are, what coding took of them, and half their squares. */
struct PanelBounds {
  double length = 0;
  double loss = 0;
  double half = 0;

  void widen(const PanelBounds& other) {
    length = std::max(length, other.length);
    loss = std::max(loss, other.loss);
    half = std::max(half, other.half);
  }
};

/** The centroids of one step, coded, in panels. */
class CentroidTable {
 public:
  CentroidTable(const Kernels& kernels, const float* values, size_t k, size_t dim, size_t threads)
      : kernels_(kernels),
        values_(values),
        k_(k),
        dim_(dim),
        quads_((dim + QUAD - 1) / QUAD),
        halfSquares_(k),
        panels_((k + kernels.columns - 1) / kernels.columns),
        scales_(panels_ * kernels.columns, 0),
        // What pads the last panel is never near: its scores are -Infinity.
        halves_(panels_ * kernels.columns, std::numeric_limits<float>::infinity()),
        bounds_(panels_),
        codes_(panels_ * panelBytes() + CACHE_LINE) {
    const size_t shift = reinterpret_cast<uintptr_t>(codes_.data()) % CACHE_LINE;
    firstPanel_ = codes_.data() + (CACHE_LINE - shift) % CACHE_LINE;
    forEachPart(panels_, threads, [&](size_t panel, size_t) { measure(panel); });
    const double longest = std::sqrt(2 * *std::max_element(halfSquares_.begin(), halfSquares_.end()));
    // A power of two: to divide by it is exact.
    unit_ = longest > 0 && std::isfinite(longest) ? std::exp2(std::ilogb(longest) + 1) : 1;
    std::vector<int8_t> rows(threads * quads_ * QUAD);
    forEachPart(panels_, threads, [&](size_t panel, size_t thread) {
      fill(panel, rows.data() + thread * quads_ * QUAD);
    });
    for (const PanelBounds& bounds : bounds_) most_.widen(bounds);
    // Any NaN, too: std::max drops it, so each is asked.
    isCoded_ = std::all_of(bounds_.begin(), bounds_.end(),
                           [](const PanelBounds& bounds) { return std::isfinite(bounds.half); });
  }

  const Kernels& kernels() const { return kernels_; }
  const float* centroid(size_t c) const { return values_ + c * dim_; }
  size_t k() const { return k_; }
  size_t dim() const { return dim_; }
  size_t quads() const { return quads_; }
  size_t panels() const { return panels_; }
  double halfSquare(size_t c) const { return halfSquares_[c]; }
  const uint8_t* panel(size_t panel) const { return firstPanel_ + panel * panelBytes(); }
  const float* scales(size_t panel) const { return scales_.data() + panel * kernels_.columns; }
  const float* halves(size_t panel) const { return halves_.data() + panel * kernels_.columns; }
  /** In units of `unit` and its square. */
  const PanelBounds& bounds(size_t panel) const { return bounds_[panel]; }
  const PanelBounds& most() const { return most_; }
  double unit() const { return unit_; }
  /** Whether every centroid has codes. */
  bool isCoded() const { return isCoded_; }

 private:
  size_t panelBytes() const { return quads_ * QUAD * kernels_.columns; }
  size_t first(size_t panel) const { return panel * kernels_.columns; }
  size_t end(size_t panel) const { return std::min(k_, first(panel) + kernels_.columns); }

  void measure(size_t panel) {
    for (size_t c = first(panel); c < end(panel); c += 1) {
      halfSquares_[c] = orderedSquares(centroid(c), dim_) / 2;
    }
  }

  /** @param codes [D padded], scratch */
  void fill(size_t panel, int8_t* codes) {
    uint8_t* const to = firstPanel_ + panel * panelBytes();
    std::fill_n(to, panelBytes(), static_cast<uint8_t>(kernels_.offset));
    PanelBounds& bounds = bounds_[panel];
    for (size_t c = first(panel); c < end(panel); c += 1) {
      const Coded coded = kernels_.encode(centroid(c), dim_, kernels_.levels, codes);
      if (std::isnan(coded.scale)) bounds.half = std::numeric_limits<double>::infinity();
      const size_t column = c - first(panel);
      for (size_t q = 0; q < quads_; q += 1) {
        for (size_t i = 0; i < QUAD; i += 1) {
          to[(q * kernels_.columns + column) * QUAD + i] =
              static_cast<uint8_t>(codes[q * QUAD + i] + kernels_.offset);
        }
      }
      const double half = halfSquares_[c];
      scales_[c] = static_cast<float>(coded.scale / unit_);
      halves_[c] = static_cast<float>(half / (unit_ * unit_));
      bounds.widen({std::sqrt(2 * half) / unit_, coded.loss / unit_, half / (unit_ * unit_)});
    }
  }

  const Kernels& kernels_;
  const float* const values_;
  const size_t k_;
  const size_t dim_;
  const size_t quads_;
  /** [K] |c|²/2 as the reference has it */
  std::vector<double> halfSquares_;
  const size_t panels_;
  std::vector<float> scales_;
  std::vector<float> halves_;
  std::vector<PanelBounds> bounds_;
  std::vector<uint8_t> codes_;
  uint8_t* firstPanel_ = nullptr;
  PanelBounds most_;
  double unit_ = 1;
  bool isCoded_ = false;
};

/** Decides in float64 among some centroids. */
class Decision {
 public:
  explicit Decision(const CentroidTable& table) : table_(table), scores_(table.k()) {
    const double longest = table.most().length * table.unit();
    longest_ = longest;
    largestHalf_ = longest * longest / 2;
  }

  /** How far a score in float64 may be from the true one, for a row of this length: γ of Higham for D + 8 operations. */
  double errorOf(double length) const {
    const double roundings = static_cast<double>(table_.dim() + 8) * DOUBLE_UNIT * SLACK;
    return roundings * (length * longest_ + largestHalf_);
  }

  double score(const float* row, size_t c) const {
    return table_.kernels().dot(row, table_.centroid(c), table_.dim()) - table_.halfSquare(c);
  }

  /** The first of the candidates with the reference's best score. @param candidates ascending; overwritten */
  int32_t among(const float* row, double length, int32_t* candidates, size_t count) {
    if (count == 1) return candidates[0];
    double best = -std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < count; i += 1) {
      scores_[i] = score(row, candidates[i]);
      best = std::max(best, scores_[i]);
    }
    // Two errors away from the reference's score, and so is the best.
    const double limit = best - 4 * errorOf(length);
    size_t left = 0;
    for (size_t i = 0; i < count; i += 1) {
      if (scores_[i] >= limit) candidates[left++] = candidates[i];
    }
    return left == 1 ? candidates[0] : inOrder(row, candidates, left);
  }

  /** By the reference's own sums; whatever the numbers are, it is what the reference finds. */
  int32_t inOrder(const float* row, const int32_t* candidates, size_t count) const {
    constexpr size_t TOGETHER = 4;
    double best = std::numeric_limits<double>::infinity();
    int32_t nearest = 0;
    for (size_t i = 0; i < count; i += TOGETHER) {
      const float* values[TOGETHER];
      double sums[TOGETHER] = {};
      for (size_t t = 0; t < TOGETHER; t += 1) {
        values[t] = table_.centroid(candidates[std::min(i + t, count - 1)]);
      }
      for (size_t j = 0; j < table_.dim(); j += 1) {
        for (size_t t = 0; t < TOGETHER; t += 1) {
          sums[t] += static_cast<double>(row[j]) * static_cast<double>(values[t][j]);
        }
      }
      for (size_t t = 0; t < TOGETHER && i + t < count; t += 1) {
        const double score = table_.halfSquare(candidates[i + t]) - sums[t];
        if (!(score < best)) continue;
        best = score;
        nearest = candidates[i + t];
      }
    }
    return nearest;
  }

 private:
  const CentroidTable& table_;
  std::vector<double> scores_;
  double longest_;
  double largestHalf_;
};

/** One row's search, in the row's units; what every panel asks for lies in one line of the cache. */
struct alignas(CACHE_LINE) Search {
  /** Of halves. */
  float factor;
  /** What coding took of the row, and its length, over its scale. */
  double loss;
  double length;
  /** Above all roundings. */
  double rounding;
  /** No score below it is the nearest's. */
  float best;
  /** Candidates so far; above MOST_CANDIDATES they were too many to keep. */
  int count;
  int32_t indices[MOST_CANDIDATES];
  /** What each score is at most. */
  float highest[MOST_CANDIDATES];

  void take(int32_t index, float score, float window) {
    if (count >= MOST_CANDIDATES) dropWorse();
    if (count >= MOST_CANDIDATES) {
      count = MOST_CANDIDATES + 1;
      return;
    }
    indices[count] = index;
    highest[count] = score + window;
    count += 1;
  }

  void dropWorse() {
    if (count > MOST_CANDIDATES) return;
    int left = 0;
    for (int i = 0; i < count; i += 1) {
      if (!(highest[i] >= best)) continue;
      indices[left] = indices[i];
      highest[left] = highest[i];
      left += 1;
    }
    count = left;
  }
};

/** Searches chunks of rows, one after the other; each thread has its own. */
class Searcher {
 public:
  Searcher(const Rows& rows, const CentroidTable& table)
      : rows_(rows), table_(table), decision_(table), searches_(CHUNK_ROWS), all_(table.k()) {}

  void search(size_t begin, size_t end, int32_t* labels) {
    size_t searched = 0;
    for (size_t row = begin; row < end; row += 1) {
      if (start(row, labels[row], searches_[searched])) numbers_[searched++] = row;
      else labels[row] = decision_.inOrder(rowOf(row), allCentroids(), table_.k());
    }
    for (size_t panel = 0; panel < table_.panels(); panel += 1) sweep(panel, searched);
    for (size_t i = 0; i < searched; i += 1) labels[numbers_[i]] = decide(numbers_[i], searches_[i]);
  }

 private:
  const float* rowOf(size_t row) const { return rows_.features + row * rows_.dim; }

  int32_t* allCentroids() {
    for (size_t c = 0; c < all_.size(); c += 1) all_[c] = static_cast<int32_t>(c);
    return all_.data();
  }

  /** @return false for a row that has no codes, or whose units are beyond float32 */
  bool start(size_t row, int32_t guess, Search& search) const {
    if (!table_.isCoded() || std::isnan(rows_.scales[row])) return false;
    const double scale = rows_.scales[row] == 0 ? table_.unit() : rows_.scales[row];
    const double factor = table_.unit() / scale;
    if (!(factor <= MOST_FACTOR)) return false;
    const PanelBounds& most = table_.most();
    search.factor = static_cast<float>(factor);
    search.loss = rows_.losses[row] / scale * SLACK;
    search.length = (rows_.lengths[row] / scale + search.loss) * SLACK;
    const double largest = (search.length + search.loss) * (most.length + most.loss) + factor * most.half;
    const double exact = 3 * static_cast<double>(rows_.dim + 8) * DOUBLE_UNIT;
    search.rounding = SLACK * (ROUNDINGS * FLOAT_UNIT + exact) * largest + UNDERFLOW;
    search.best = LOWEST;
    search.count = 0;
    if (guess >= 0 && static_cast<size_t>(guess) < table_.k()) {
      search.best = static_cast<float>(decision_.score(rowOf(row), guess) / (scale * table_.unit()));
    }
    return true;
  }

  void sweep(size_t panel, size_t searched) {
    const Kernels& kernels = table_.kernels();
    const size_t height = kernels.rows;
    for (size_t i = 0; i < searched; i += height) {
      const int8_t* codes[MOST_ROWS];
      int32_t starts[MOST_ROWS];
      for (size_t r = 0; r < height; r += 1) {
        // Behind the last row comes the last row again.
        const size_t row = numbers_[std::min(i + r, searched - 1)];
        codes[r] = rows_.codes + row * rows_.stride();
        starts[r] = -kernels.offset * rows_.sums[row];
      }
      kernels.multiply(codes, table_.panel(panel), table_.quads(), starts, tile_);
      for (size_t r = 0; r < height && i + r < searched; r += 1) {
        sift(panel, searches_[i + r], tile_ + r * kernels.columns);
      }
    }
  }

  /** Takes from a panel what may be the nearest. */
  void sift(size_t panel, Search& search, const int32_t* products) {
    const PanelBounds& bounds = table_.bounds(panel);
    const float window = static_cast<float>(
        SLACK * (search.loss * bounds.length + search.length * bounds.loss) + search.rounding);
    int32_t found[MOST_COLUMNS];
    float scores[MOST_COLUMNS];
    const int count = table_.kernels().sift(products, table_.scales(panel), table_.halves(panel),
                                            search.factor, search.best - window, found, scores);
    for (int i = 0; i < count; i += 1) search.best = std::max(search.best, scores[i] - window);
    const int32_t first = static_cast<int32_t>(panel) * table_.kernels().columns;
    for (int i = 0; i < count; i += 1) search.take(first + found[i], scores[i], window);
  }

  int32_t decide(size_t row, Search& search) {
    search.dropWorse();
    const bool isKnown = search.count > 0 && search.count <= MOST_CANDIDATES;
    int32_t* const candidates = isKnown ? search.indices : allCentroids();
    const size_t count = isKnown ? search.count : table_.k();
    return decision_.among(rowOf(row), rows_.lengths[row], candidates, count);
  }

  const Rows& rows_;
  const CentroidTable& table_;
  Decision decision_;
  std::vector<Search> searches_;
  /** Which row each search is for. */
  size_t numbers_[CHUNK_ROWS];
  std::vector<int32_t> all_;
  alignas(CACHE_LINE) int32_t tile_[MOST_ROWS * MOST_COLUMNS];
};

/** Lengths as the reference has them: each one sum in the order of columns, some at a time. */
void measureRows(const Rows& rows, size_t begin, size_t end) {
  constexpr size_t TOGETHER = 8;
  for (size_t row = begin; row < end; row += TOGETHER) {
    double sums[TOGETHER] = {};
    const float* values[TOGETHER];
    for (size_t t = 0; t < TOGETHER; t += 1) {
      values[t] = rows.features + std::min(row + t, end - 1) * rows.dim;
    }
    for (size_t j = 0; j < rows.dim; j += 1) {
      for (size_t t = 0; t < TOGETHER; t += 1) {
        sums[t] += static_cast<double>(values[t][j]) * static_cast<double>(values[t][j]);
      }
    }
    for (size_t t = 0; t < TOGETHER && row + t < end; t += 1) {
      rows.lengths[row + t] = std::sqrt(sums[t]);
    }
  }
}

}  // namespace

void encodeRows(const Kernels& kernels, const Rows& rows, size_t threads) {
  const size_t parts = (rows.count + CHUNK_ROWS - 1) / CHUNK_ROWS;
  forEachPart(parts, threads, [&](size_t part, size_t) {
    const size_t begin = part * CHUNK_ROWS;
    const size_t end = std::min(rows.count, begin + CHUNK_ROWS);
    measureRows(rows, begin, end);
    for (size_t row = begin; row < end; row += 1) {
      const Coded coded = kernels.encode(rows.features + row * rows.dim, rows.dim, ROW_LEVELS,
                                         rows.codes + row * rows.stride());
      rows.scales[row] = coded.scale;
      rows.losses[row] = static_cast<float>(coded.loss);
      rows.sums[row] = coded.sum;
    }
  });
}

void findNearest(const Kernels& kernels, const Rows& rows, const float* centroids, size_t k,
                 size_t begin, size_t end, int32_t* labels, size_t threads) {
  const CentroidTable table(kernels, centroids, k, rows.dim, threads);
  std::vector<std::unique_ptr<Searcher>> searchers(threads);
  for (auto& searcher : searchers) searcher = std::make_unique<Searcher>(rows, table);
  const size_t parts = (end - begin + CHUNK_ROWS - 1) / CHUNK_ROWS;
  forEachPart(parts, threads, [&](size_t part, size_t thread) {
    const size_t from = begin + part * CHUNK_ROWS;
    searchers[thread]->search(from, std::min(end, from + CHUNK_ROWS), labels);
  });
}

}  // namespace host

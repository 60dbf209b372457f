/**
 * Scores of rows with centroids, x·c - |c|²/2, greatest for the nearest, by products of codes in integers, which are exact.
 * x and c are taken less a common centre, which changes no order. What coding takes is bounded by Cauchy and Schwarz: of
 * x = x̂ + e and c = ĉ + f, |x·c - x̂·ĉ| <= |e||c| + |x̂||f|, with the lengths of e and f as they are. So of each row only the
 * centroids are left whose bound reaches the best score known, and float64 decides among them, without the centre: first by
 * sums in any order, then, where these come too close, by those of the reference. No score is kept but those of a tile.
 * Scores of a row are in units of its scale times a power of two near the longest centroid, as float32. Products of two
 * float32 are exact in float64, so that sums of them are the same whether the compiler fuses or not.
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
constexpr int MOST_CANDIDATES = 128;
/** Rows that the centre is the mean of, at most. */
constexpr size_t SAMPLE = 1024;
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
/** Below any score in the units of its row, which are at most MOST_FACTOR twice. */
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
  CentroidTable(const Kernels& kernels, const Rows& rows, const float* values, size_t k,
                size_t threads)
      : kernels_(kernels),
        values_(values),
        centre_(rows.centre),
        k_(k),
        dim_(rows.dim),
        quads_(rows.stride() / QUAD),
        halfSquares_(k),
        centredHalves_(k),
        panels_((k + kernels.columns - 1) / kernels.columns),
        scales_(panels_ * kernels.columns, 0),
        // What pads the last panel is never near: its scores are -Infinity.
        halves_(panels_ * kernels.columns, std::numeric_limits<float>::infinity()),
        bounds_(panels_),
        codes_(panels_ * panelBytes() + CACHE_LINE) {
    const size_t shift = reinterpret_cast<uintptr_t>(codes_.data()) % CACHE_LINE;
    firstPanel_ = codes_.data() + (CACHE_LINE - shift) % CACHE_LINE;
    forEachPart(panels_, threads, [&](size_t panel, size_t) { measure(panel); });
    longest_ = std::sqrt(2 * mostOf(halfSquares_));
    const double longest = std::sqrt(2 * mostOf(centredHalves_));
    // A power of two: to divide by it is exact.
    unit_ = longest > 0 && std::isfinite(longest) ? std::exp2(std::ilogb(longest) + 1) : 1;
    std::vector<int8_t> scratch(threads * rows.stride());
    forEachPart(panels_, threads, [&](size_t panel, size_t thread) {
      fill(panel, scratch.data() + thread * rows.stride());
    });
    for (const PanelBounds& bounds : bounds_) most_.widen(bounds);
    isCoded_ = std::isfinite(most_.length + most_.loss + most_.half);
  }

  const Kernels& kernels() const { return kernels_; }
  const float* centroid(size_t c) const { return values_ + c * dim_; }
  size_t k() const { return k_; }
  size_t dim() const { return dim_; }
  size_t quads() const { return quads_; }
  size_t panels() const { return panels_; }
  /** |c|²/2 as the reference has it, and of the centroid less the centre. */
  double halfSquare(size_t c) const { return halfSquares_[c]; }
  double centredHalf(size_t c) const { return centredHalves_[c]; }
  /** The greatest |c|. */
  double longest() const { return longest_; }
  const uint8_t* panel(size_t panel) const { return firstPanel_ + panel * panelBytes(); }
  const float* scales(size_t panel) const { return scales_.data() + panel * kernels_.columns; }
  const float* halves(size_t panel) const { return halves_.data() + panel * kernels_.columns; }
  /** Less the centre, in units of `unit` and its square. */
  const PanelBounds& bounds(size_t panel) const { return bounds_[panel]; }
  const PanelBounds& most() const { return most_; }
  double unit() const { return unit_; }
  /** Whether every centroid has codes. */
  bool isCoded() const { return isCoded_; }

 private:
  size_t panelBytes() const { return quads_ * QUAD * kernels_.columns; }
  size_t first(size_t panel) const { return panel * kernels_.columns; }
  size_t end(size_t panel) const { return std::min(k_, first(panel) + kernels_.columns); }

  static double mostOf(const std::vector<double>& values) {
    return *std::max_element(values.begin(), values.end());
  }

  void measure(size_t panel) {
    for (size_t c = first(panel); c < end(panel); c += 1) {
      const float* const values = centroid(c);
      halfSquares_[c] = orderedSquares(values, dim_) / 2;
      centredHalves_[c] = kernels_.centredDot(values, values, centre_, dim_) / 2;
    }
  }

  /** @param codes [D padded], scratch */
  void fill(size_t panel, int8_t* codes) {
    uint8_t* const to = firstPanel_ + panel * panelBytes();
    std::fill_n(to, panelBytes(), static_cast<uint8_t>(kernels_.offset));
    PanelBounds& bounds = bounds_[panel];
    for (size_t c = first(panel); c < end(panel); c += 1) {
      const Coded coded = kernels_.encode(centroid(c), centre_, dim_, kernels_.levels, codes);
      if (std::isnan(coded.scale)) bounds.half = std::numeric_limits<double>::infinity();
      const size_t column = c - first(panel);
      for (size_t q = 0; q < quads_; q += 1) {
        for (size_t i = 0; i < QUAD; i += 1) {
          to[(q * kernels_.columns + column) * QUAD + i] =
              static_cast<uint8_t>(codes[q * QUAD + i] + kernels_.offset);
        }
      }
      const double half = centredHalves_[c] / (unit_ * unit_);
      scales_[c] = static_cast<float>(coded.scale / unit_);
      halves_[c] = static_cast<float>(half);
      // NaN changes no bound: what has it is marked above.
      bounds.widen({coded.length / unit_, coded.loss / unit_, half});
    }
  }

  const Kernels& kernels_;
  const float* const values_;
  const float* const centre_;
  const size_t k_;
  const size_t dim_;
  const size_t quads_;
  std::vector<double> halfSquares_;
  std::vector<double> centredHalves_;
  const size_t panels_;
  std::vector<float> scales_;
  std::vector<float> halves_;
  std::vector<PanelBounds> bounds_;
  std::vector<uint8_t> codes_;
  uint8_t* firstPanel_ = nullptr;
  PanelBounds most_;
  double longest_ = 0;
  double unit_ = 1;
  bool isCoded_ = false;
};

/** Decides in float64 among some centroids. */
class Decision {
 public:
  explicit Decision(const CentroidTable& table) : table_(table), scores_(table.k()) {}

  /** How far a score in float64 may be from the true one, for a row of this length: γ of Higham for D + 8 operations. */
  double errorOf(double length) const {
    const double roundings = static_cast<double>(table_.dim() + 8) * DOUBLE_UNIT * SLACK;
    const double longest = table_.longest();
    return roundings * (length * longest + longest * longest / 2);
  }

  /** The first of the candidates with the reference's best score. @param candidates ascending; overwritten */
  int32_t among(const float* row, double length, int32_t* candidates, size_t count) {
    if (count == 1) return candidates[0];
    double best = -std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < count; i += 1) {
      const float* const centroid = table_.centroid(candidates[i]);
      scores_[i] = table_.kernels().dot(row, centroid, table_.dim()) - table_.halfSquare(candidates[i]);
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
};

/** One row's search, in the row's units; what every panel asks for lies in one line of the cache. */
struct alignas(CACHE_LINE) Search {
  /** Of the row's codes. */
  double scale;
  /** What coding took of the row, and its length, over its scale. */
  double loss;
  double length;
  /** Above all roundings. */
  double rounding;
  /** Of halves. */
  float factor;
  /** No score below it is the nearest's. */
  float best;
  /** Candidates so far; above MOST_CANDIDATES they were too many to keep. */
  int count;
  int32_t indices[MOST_CANDIDATES];
  /** What each score is at most. */
  float highest[MOST_CANDIDATES];

  bool isFull() const { return count >= MOST_CANDIDATES; }

  void take(int32_t index, float most) {
    if (isFull()) {
      count = MOST_CANDIDATES + 1;
      return;
    }
    indices[count] = index;
    highest[count] = most;
    count += 1;
  }

  /** The candidate with the highest bound. */
  int32_t leader() const { return indices[std::max_element(highest, highest + count) - highest]; }

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
    const Coded& coded = rows_.coded[row];
    if (!table_.isCoded() || std::isnan(coded.scale)) return false;
    search.scale = coded.scale == 0 ? table_.unit() : coded.scale;
    const double factor = table_.unit() / search.scale;
    search.loss = coded.loss / search.scale * SLACK;
    search.length = coded.length / search.scale * SLACK + search.loss;
    if (!(factor <= MOST_FACTOR && search.length <= MOST_FACTOR)) return false;
    search.factor = static_cast<float>(factor);
    const PanelBounds& most = table_.most();
    const double largest = search.length * (most.length + most.loss) + factor * most.half;
    const double exact = static_cast<double>(rows_.dim + 8) * DOUBLE_UNIT * largest;
    // The reference's scores are without the centre.
    const double reference = decision_.errorOf(rows_.norms[row]) / (search.scale * table_.unit());
    search.rounding =
        SLACK * (ROUNDINGS * FLOAT_UNIT * largest + exact + 2 * reference) + UNDERFLOW;
    search.best = LOWEST;
    search.count = 0;
    const bool isGuessed = guess >= 0 && static_cast<size_t>(guess) < table_.k();
    if (isGuessed) search.best = scoreOf(row, guess, search);
    return search.rounding <= MOST_FACTOR;
  }

  /** In the row's units, and nearly what it is: within its rounding. */
  float scoreOf(size_t row, int32_t c, const Search& search) const {
    const double product =
        table_.kernels().centredDot(rowOf(row), table_.centroid(c), rows_.centre, rows_.dim);
    return static_cast<float>((product - table_.centredHalf(c)) / (search.scale * table_.unit()));
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
        starts[r] = -kernels.offset * static_cast<int32_t>(rows_.coded[row].sum);
      }
      kernels.multiply(codes, table_.panel(panel), table_.quads(), starts, tile_);
      for (size_t r = 0; r < height && i + r < searched; r += 1) {
        sift(panel, numbers_[i + r], searches_[i + r], tile_ + r * kernels.columns);
      }
    }
  }

  /** Takes from a panel what may be the nearest. */
  void sift(size_t panel, size_t row, Search& search, const int32_t* products) {
    const PanelBounds& bounds = table_.bounds(panel);
    const float window = static_cast<float>(
        SLACK * (search.loss * bounds.length + search.length * bounds.loss) + search.rounding);
    int32_t found[MOST_COLUMNS];
    float scores[MOST_COLUMNS];
    const int count = table_.kernels().sift(products, table_.scales(panel), table_.halves(panel),
                                            search.factor, search.best - window, found, scores);
    for (int i = 0; i < count; i += 1) search.best = std::max(search.best, scores[i] - window);
    const int32_t first = static_cast<int32_t>(panel) * table_.kernels().columns;
    for (int i = 0; i < count; i += 1) {
      if (search.isFull()) narrow(row, search);
      search.take(first + found[i], scores[i] + window);
    }
  }

  /** Makes room among the candidates: what the likeliest is worth in float64 leaves fewer of the others. */
  void narrow(size_t row, Search& search) const {
    if (search.count > MOST_CANDIDATES) return;
    search.best = std::max(search.best, scoreOf(row, search.leader(), search));
    search.dropWorse();
  }

  int32_t decide(size_t row, Search& search) {
    search.dropWorse();
    const bool isKnown = search.count > 0 && search.count <= MOST_CANDIDATES;
    int32_t* const candidates = isKnown ? search.indices : allCentroids();
    const size_t count = isKnown ? search.count : table_.k();
    return decision_.among(rowOf(row), rows_.norms[row], candidates, count);
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

/** The mean of some rows, where it is finite. */
void findCentre(const Rows& rows) {
  const size_t step = std::max<size_t>(1, rows.count / SAMPLE);
  std::vector<double> sums(rows.dim, 0);
  size_t count = 0;
  for (size_t row = 0; row < rows.count; row += step, count += 1) {
    const float* const values = rows.features + row * rows.dim;
    for (size_t j = 0; j < rows.dim; j += 1) sums[j] += values[j];
  }
  for (size_t j = 0; j < rows.dim; j += 1) {
    const double mean = count == 0 ? 0 : sums[j] / static_cast<double>(count);
    rows.centre[j] = std::isfinite(mean) ? static_cast<float>(mean) : 0;
  }
}

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
      rows.norms[row + t] = std::sqrt(sums[t]);
    }
  }
}

}  // namespace

void encodeRows(const Kernels& kernels, const Rows& rows, size_t threads) {
  findCentre(rows);
  const size_t parts = (rows.count + CHUNK_ROWS - 1) / CHUNK_ROWS;
  forEachPart(parts, threads, [&](size_t part, size_t) {
    const size_t begin = part * CHUNK_ROWS;
    const size_t end = std::min(rows.count, begin + CHUNK_ROWS);
    measureRows(rows, begin, end);
    for (size_t row = begin; row < end; row += 1) {
      rows.coded[row] = kernels.encode(rows.features + row * rows.dim, rows.centre, rows.dim,
                                       ROW_LEVELS, rows.codes + row * rows.stride());
    }
  });
}

void findNearest(const Kernels& kernels, const Rows& rows, const float* centroids, size_t k,
                 size_t begin, size_t end, int32_t* labels, size_t threads) {
  const CentroidTable table(kernels, rows, centroids, k, threads);
  std::vector<std::unique_ptr<Searcher>> searchers(threads);
  for (auto& searcher : searchers) searcher = std::make_unique<Searcher>(rows, table);
  const size_t parts = (end - begin + CHUNK_ROWS - 1) / CHUNK_ROWS;
  forEachPart(parts, threads, [&](size_t part, size_t thread) {
    const size_t from = begin + part * CHUNK_ROWS;
    searchers[thread]->search(from, std::min(end, from + CHUNK_ROWS), labels);
  });
}

}  // namespace host

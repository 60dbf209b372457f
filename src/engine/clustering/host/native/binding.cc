/**
 * The host kernels as a module of Node. It keeps nothing: all memory is typed arrays of the caller, which it reads and writes
 * in place while the call lasts. src/engine/clustering/host/host-kernels.ts says what each function takes.
 */
#include <node_api.h>

#include <exception>
#include <stdexcept>
#include <string>

#include "nearest.h"
#include "sums.h"

namespace {

/** What host-kernels.ts expects: raised whenever a function takes other arguments. */
constexpr int32_t INTERFACE = 2;

/** A call's arguments; anything but what is expected is thrown, and becomes an error of the caller. */
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    if (napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr) != napi_ok) fail("arguments");
  }

  size_t number(size_t at) const { return static_cast<size_t>(real(at)); }

  /** At least 0. */
  double real(size_t at) const {
    double value = -1;
    if (at >= count_ || napi_get_value_double(env_, values_[at], &value) != napi_ok || !(value >= 0)) {
      fail("a number");
    }
    return value;
  }

  const host::Kernels& kernels(size_t at) const {
    size_t count = 0;
    const host::Kernels* const* const all = host::supportedKernels(&count);
    const size_t index = number(at);
    if (index >= count) fail("kernels that this processor runs");
    return *all[index];
  }

  size_t threads(size_t at) const {
    const size_t threads = number(at);
    if (threads == 0) fail("threads");
    return threads;
  }

  float* floats(size_t at, size_t length) const { return array<float>(at, length, napi_float32_array); }
  double* doubles(size_t at, size_t length) const {
    return array<double>(at, length, napi_float64_array);
  }
  int32_t* ints(size_t at, size_t length) const { return array<int32_t>(at, length, napi_int32_array); }
  uint32_t* counts(size_t at, size_t length) const {
    return array<uint32_t>(at, length, napi_uint32_array);
  }
  int8_t* bytes(size_t at, size_t length) const { return array<int8_t>(at, length, napi_int8_array); }

 private:
  template <class T>
  T* array(size_t at, size_t expected, napi_typedarray_type expectedType) const {
    napi_typedarray_type type;
    size_t length = 0;
    void* data = nullptr;
    if (at >= count_ || napi_get_typedarray_info(env_, values_[at], &type, &length, &data, nullptr,
                                                 nullptr) != napi_ok ||
        type != expectedType || length != expected) {
      fail("an array of " + std::to_string(expected));
    }
    return static_cast<T*>(data);
  }

  [[noreturn]] static void fail(const std::string& expected) {
    throw std::invalid_argument("host kernels: expected " + expected);
  }

  static constexpr size_t MOST = 16;
  napi_env env_;
  size_t count_ = MOST;
  napi_value values_[MOST];
};

/** Numbers of a `Coded`, which an array of float32 holds. */
constexpr size_t CODED_NUMBERS = 4;
static_assert(sizeof(host::Coded) == CODED_NUMBERS * sizeof(float), "an array of these is one of float32");

/** Rows as their arguments are: count, dim, features, centre, codes, coded, norms. */
host::Rows rowsOf(const Arguments& given, size_t at) {
  host::Rows rows{};
  rows.count = given.number(at);
  rows.dim = given.number(at + 1);
  if (rows.dim > host::MOST_DIM) throw std::invalid_argument("host kernels: too many dimensions");
  rows.features = given.floats(at + 2, rows.count * rows.dim);
  rows.centre = given.floats(at + 3, rows.dim);
  rows.codes = given.bytes(at + 4, rows.count * rows.stride());
  rows.coded = reinterpret_cast<host::Coded*>(given.floats(at + 5, rows.count * CODED_NUMBERS));
  rows.norms = given.doubles(at + 6, rows.count);
  return rows;
}

void encodeRows(const Arguments& given) {
  host::encodeRows(given.kernels(0), rowsOf(given, 2), given.threads(1));
}

void findNearest(const Arguments& given) {
  const host::Rows rows = rowsOf(given, 2);
  const size_t k = given.number(9);
  const size_t begin = given.number(11);
  const size_t end = given.number(12);
  if (k == 0 || begin > end || end > rows.count) {
    throw std::invalid_argument("host kernels: expected centroids, and rows that there are");
  }
  host::findNearest(given.kernels(0), rows, given.floats(10, k * rows.dim), k, begin, end,
                    given.ints(13, rows.count), given.threads(1));
}

void sumByLabel(const Arguments& given) {
  const size_t count = given.number(2);
  const size_t dim = given.number(3);
  const size_t k = given.number(6);
  const bool isDone =
      host::sumByLabel(given.kernels(0), given.floats(4, count * dim), count, dim,
                       given.ints(5, count), k, given.real(7), given.doubles(8, k * dim),
                       given.counts(9, k), given.threads(1));
  if (!isDone) throw std::invalid_argument("host kernels: a label is none of the clusters");
}

/** What C++ throws must not reach Node. */
template <void (*Work)(const Arguments&)>
napi_value call(napi_env env, napi_callback_info info) {
  try {
    Work(Arguments(env, info));
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

napi_value kernelNames(napi_env env) {
  size_t count = 0;
  const host::Kernels* const* const all = host::supportedKernels(&count);
  napi_value names;
  napi_create_array_with_length(env, count, &names);
  for (size_t i = 0; i < count; i += 1) {
    napi_value name;
    napi_create_string_utf8(env, all[i]->name, NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, names, static_cast<uint32_t>(i), name);
  }
  return names;
}

napi_value number(napi_env env, size_t value) {
  napi_value result;
  napi_create_double(env, static_cast<double>(value), &result);
  return result;
}

void define(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
  napi_set_named_property(env, exports, name, value);
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_set_named_property(env, exports, "interface", number(env, INTERFACE));
  napi_set_named_property(env, exports, "mostDim", number(env, host::MOST_DIM));
  napi_set_named_property(env, exports, "kernels", kernelNames(env));
  define(env, exports, "encodeRows", call<encodeRows>);
  define(env, exports, "findNearest", call<findNearest>);
  define(env, exports, "sumByLabel", call<sumByLabel>);
  return exports;
}

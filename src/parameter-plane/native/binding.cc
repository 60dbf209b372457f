/**
 * The parameter plane's kernels as a module of Node. src/parameter-plane/kernels.ts says what each
 * function takes. It keeps nothing but the segments that it maps, each until its ArrayBuffer is
 * collected.
 */
#include <node_api.h>

#include <exception>
#include <stdexcept>
#include <string>

#include "codec.h"
#include "segment.h"
#include "step.h"

namespace {

/** What kernels.ts expects: raised whenever a function takes other arguments. */
constexpr int32_t INTERFACE = 2;

[[noreturn]] void fail(const std::string& expected) {
  throw std::invalid_argument("parameter kernels: expected " + expected);
}

/** A call's arguments; anything but what is expected is thrown, and becomes an error of the caller. */
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    if (napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr) != napi_ok) fail("arguments");
  }

  double real(size_t at) const {
    double value = 0;
    if (at >= count_ || napi_get_value_double(env_, values_[at], &value) != napi_ok) fail("a number");
    return value;
  }

  size_t number(size_t at) const {
    const double value = real(at);
    if (!(value >= 0)) fail("a number from 0 on");
    return static_cast<size_t>(value);
  }

  size_t threads(size_t at) const {
    const size_t threads = number(at);
    if (threads == 0) fail("threads");
    return threads;
  }

  plane::Codec codec(size_t at) const {
    const size_t codec = number(at);
    if (codec > static_cast<size_t>(plane::Codec::int8)) fail("a codec's number");
    return static_cast<plane::Codec>(codec);
  }

  bool isNull(size_t at) const {
    napi_valuetype type = napi_undefined;
    return at < count_ && napi_typeof(env_, values_[at], &type) == napi_ok && type == napi_null;
  }

  float* floats(size_t at, size_t* length) const {
    if (at >= count_) fail("an array of float32");
    return floatsOf(values_[at], length);
  }

  uint8_t* bytes(size_t at, size_t* length) const {
    napi_typedarray_type type;
    void* data = nullptr;
    if (at >= count_ ||
        napi_get_typedarray_info(env_, values_[at], &type, length, &data, nullptr, nullptr) !=
            napi_ok ||
        type != napi_uint8_array) {
      fail("an array of bytes");
    }
    return static_cast<uint8_t*>(data);
  }

  std::vector<size_t> numbers(size_t at, size_t expected) const {
    uint32_t count = 0;
    if (at >= count_ || napi_get_array_length(env_, values_[at], &count) != napi_ok ||
        count != expected) {
      fail(std::to_string(expected) + " numbers");
    }
    std::vector<size_t> numbers;
    for (uint32_t i = 0; i < count; i += 1) {
      napi_value value;
      double number = -1;
      if (napi_get_element(env_, values_[at], i, &value) != napi_ok ||
          napi_get_value_double(env_, value, &number) != napi_ok || !(number >= 0)) {
        fail("numbers from 0 on");
      }
      if (i > 0 && !(number > static_cast<double>(numbers.back()))) fail("ascending numbers");
      numbers.push_back(static_cast<size_t>(number));
    }
    return numbers;
  }

  std::vector<const float*> vectors(size_t at, size_t leastLength) const {
    uint32_t count = 0;
    if (at >= count_ || napi_get_array_length(env_, values_[at], &count) != napi_ok || count == 0) {
      fail("vectors");
    }
    std::vector<const float*> vectors;
    for (uint32_t i = 0; i < count; i += 1) {
      napi_value value;
      size_t length = 0;
      if (napi_get_element(env_, values_[at], i, &value) != napi_ok) fail("vectors");
      vectors.push_back(floatsOf(value, &length));
      if (length < leastLength) fail("vectors of " + std::to_string(leastLength));
    }
    return vectors;
  }

 private:
  float* floatsOf(napi_value value, size_t* length) const {
    napi_typedarray_type type;
    void* data = nullptr;
    if (napi_get_typedarray_info(env_, value, &type, length, &data, nullptr, nullptr) != napi_ok ||
        type != napi_float32_array) {
      fail("an array of float32");
    }
    return static_cast<float*>(data);
  }

  static constexpr size_t MOST = 16;
  napi_env env_;
  size_t count_ = MOST;
  napi_value values_[MOST];
};

napi_value number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

/** Takes the mapping over: it ends with the buffer. */
napi_value bufferOf(napi_env env, const plane::Mapping& mapping) {
  auto* const owned = new plane::Mapping(mapping);
  const auto release = [](napi_env owner, void*, void* hint) {
    auto* const ended = static_cast<plane::Mapping*>(hint);
    int64_t total = 0;
    napi_adjust_external_memory(owner, -static_cast<int64_t>(ended->bytes), &total);
    plane::unmap(*ended);
    delete ended;
  };
  napi_value buffer;
  if (napi_create_external_arraybuffer(env, mapping.data, mapping.bytes, release, owned, &buffer) !=
      napi_ok) {
    plane::unmap(mapping);
    delete owned;
    throw std::runtime_error("shared memory: this build of Node takes no memory from outside");
  }
  int64_t total = 0;
  napi_adjust_external_memory(env, static_cast<int64_t>(mapping.bytes), &total);
  return buffer;
}

napi_value createSegment(napi_env env, const Arguments& given) {
  const plane::Mapping mapping = plane::createSegment(given.number(0));
  napi_value segment;
  napi_create_object(env, &segment);
  napi_set_named_property(env, segment, "buffer", bufferOf(env, mapping));
  napi_set_named_property(env, segment, "descriptor", number(env, mapping.descriptor));
  return segment;
}

napi_value openSegment(napi_env env, const Arguments& given) {
  return bufferOf(env, plane::openSegment(given.number(0), given.number(1), given.number(2)));
}

napi_value step(napi_env, const Arguments& given) {
  plane::Stretch stretch{};
  stretch.begin = given.number(1);
  stretch.end = given.number(2);
  if (stretch.begin > stretch.end) fail("a range");
  stretch.gradients = given.vectors(3, stretch.end);
  stretch.samples = given.real(4);
  stretch.moves = plane::treeMoves(given.numbers(13, stretch.gradients.size()));
  stretch.codec = given.codec(14);
  size_t lengths[4] = {stretch.end, stretch.end, stretch.end, stretch.end};
  stretch.from = given.floats(5, &lengths[0]);
  stretch.to = given.floats(6, &lengths[1]);
  if (!given.isNull(7)) {
    stretch.momentumFrom = given.floats(7, &lengths[2]);
    stretch.momentumTo = given.floats(8, &lengths[3]);
  }
  for (const size_t length : lengths) {
    if (length < stretch.end) fail("vectors of " + std::to_string(stretch.end));
  }
  const plane::Rule rule{given.real(9), given.real(10), given.real(11), given.real(12)};
  plane::step(stretch, rule, given.threads(0));
  return nullptr;
}

napi_value firstNonFinite(napi_env env, const Arguments& given) {
  size_t count = 0;
  const float* const values = given.floats(1, &count);
  const size_t first = plane::firstNonFinite(values, count, given.threads(0));
  return number(env, first == count ? -1 : static_cast<double>(first));
}

napi_value add(napi_env, const Arguments& given) {
  size_t lengths[3] = {0, 0, 0};
  const float* const left = given.floats(1, &lengths[0]);
  const float* const right = given.floats(2, &lengths[1]);
  float* const sum = given.floats(3, &lengths[2]);
  if (lengths[0] != lengths[1] || lengths[0] != lengths[2]) fail("vectors of one length");
  plane::add(left, right, sum, lengths[0], given.threads(0));
  return nullptr;
}

napi_value copy(napi_env, const Arguments& given) {
  size_t lengths[2] = {0, 0};
  const float* const from = given.floats(1, &lengths[0]);
  float* const to = given.floats(2, &lengths[1]);
  if (lengths[0] != lengths[1]) fail("two vectors of one length");
  plane::copy(from, to, lengths[0], given.threads(0));
  return nullptr;
}

napi_value round(napi_env, const Arguments& given) {
  const plane::Codec codec = given.codec(1);
  size_t lengths[2] = {0, 0};
  const float* const from = given.floats(2, &lengths[0]);
  float* const to = given.floats(3, &lengths[1]);
  if (lengths[0] != lengths[1]) fail("two vectors of one length");
  plane::round(codec, from, to, lengths[0], given.threads(0));
  return nullptr;
}

napi_value encode(napi_env, const Arguments& given) {
  const plane::Codec codec = given.codec(1);
  size_t count = 0;
  size_t length = 0;
  const float* const from = given.floats(2, &count);
  uint8_t* const to = given.bytes(3, &length);
  const size_t expected = plane::encodedBytes(codec, count);
  if (length != expected) fail(std::to_string(expected) + " bytes");
  plane::encode(codec, from, to, count, given.threads(0));
  return nullptr;
}

napi_value decode(napi_env, const Arguments& given) {
  const plane::Codec codec = given.codec(1);
  size_t count = 0;
  size_t length = 0;
  const uint8_t* const from = given.bytes(2, &length);
  float* const to = given.floats(3, &count);
  const size_t expected = plane::encodedBytes(codec, count);
  if (length != expected) fail(std::to_string(expected) + " bytes");
  plane::decode(codec, from, to, count, given.threads(0));
  return nullptr;
}

/** What C++ throws must not reach Node. */
template <napi_value (*Work)(napi_env, const Arguments&)>
napi_value call(napi_env env, napi_callback_info info) {
  try {
    return Work(env, Arguments(env, info));
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
}

void define(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
  napi_set_named_property(env, exports, name, value);
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value hasSegments;
  napi_get_boolean(env, plane::hasSegments(), &hasSegments);
  napi_set_named_property(env, exports, "interface", number(env, INTERFACE));
  napi_set_named_property(env, exports, "hasSegments", hasSegments);
  define(env, exports, "createSegment", call<createSegment>);
  define(env, exports, "openSegment", call<openSegment>);
  define(env, exports, "step", call<step>);
  define(env, exports, "firstNonFinite", call<firstNonFinite>);
  define(env, exports, "add", call<add>);
  define(env, exports, "copy", call<copy>);
  define(env, exports, "round", call<round>);
  define(env, exports, "encode", call<encode>);
  define(env, exports, "decode", call<decode>);
  return exports;
}

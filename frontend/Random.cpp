// Random numbers as a function of a key and a counter: threefry2x32 with 20 rounds (Salmon et al.,
// "Parallel random numbers: as easy as 1, 2, 3", 2011), drawn in the order tinygrad draws them.

#include "frontend/Build.h"
#include "frontend/Capture.h"
#include "frontend/Realize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <mutex>
#include <numbers>
#include <string>

namespace rosso {

using namespace build;

namespace {

constexpr int kRotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
constexpr int64_t kParity = 0x1BD11BDA;    // of the key schedule
constexpr int64_t kMostWords = UINT32_MAX; // drawn under one key

struct Words {
  Tensor low, high;
};

Tensor rotatedLeft(const Tensor &word, int bits) { return (word << bits) | (word >> (32 - bits)); }

Words threefry(const Words &key, const Words &counter) {
  Tensor schedule[3] = {key.high, key.low ^ key.high ^ kParity, key.low};
  Words x{counter.low + key.low, counter.high + key.high};
  for (int i = 0; i < 5; ++i) {
    for (int rotation : kRotations[i % 2]) {
      x.low = x.low + x.high;
      x.high = x.low ^ rotatedLeft(x.high, rotation);
    }
    x.low = x.low + schedule[i % 3];
    x.high = x.high + schedule[(i + 1) % 3] + (i + 1);
  }
  return x;
}

Words wordsOf(const Tensor &pair) { return {pair.slice(0, 0, 1), pair.slice(0, 1, 2)}; }

bool isWordPair(const Tensor &t) { return t.shape() == Shape{2} && t.dtype() == DType::U32; }

/// The end of SHA-256 of a device's number in four bytes, big-endian: the first word of its key.
constexpr uint32_t kDeviceWords[] = {0x14b81119, 0x764f528d, 0xdb12cf1a, 0x0f79f7d3,
                                     0x900b0937, 0x3eaa7569, 0x7c0172cb, 0x28a3a23b};

/// Where a device stands in its sequence of words: a number of 64 bits in memory, [2] u32, low end
/// first. A captured function writes that memory at each call, everybody else from here.
struct Stream {
  std::string device;
  Tensor counter;
};

/// The one mutable thing of this room: where `rand` without a key stands.
struct Generator {
  std::mutex mutex;
  uint64_t seed = 0;
  std::vector<Stream> streams; // by number of the device

  /// The number of a device; it gets one when it draws first.
  size_t numberOf(std::string_view name) {
    const std::string_view device = name.empty() ? defaultTensorDevice() : name;
    for (size_t i = 0; i < streams.size(); ++i)
      if (streams[i].device == device)
        return i;
    streams.push_back({std::string(device), Tensor::fromData(std::vector<uint32_t>{0, 0})});
    return streams.size() - 1;
  }
};

Generator &generator() {
  static Generator instance;
  return instance;
}

/// What a counter holds, as a tensor of its own; then the counter moves on.
Result<Tensor> snapshot(const Tensor &counter, uint64_t words) {
  const std::shared_ptr<Storage> memory = memoryOf(*counter.node());
  ROSSO_TRY(std::span<uint8_t> bytes, memory->writable());
  std::array<uint32_t, 2> number;
  std::memcpy(number.data(), bytes.data(), sizeof number);
  Tensor held = Tensor::fromData(std::vector<uint32_t>(number.begin(), number.end()));
  const uint64_t drawn = (uint64_t{number[1]} << 32 | number[0]) + words;
  number = {static_cast<uint32_t>(drawn), static_cast<uint32_t>(drawn >> 32)};
  std::memcpy(bytes.data(), number.data(), sizeof number);
  return held;
}

/// `counter` + words of a captured function, in its arithmetic.
Tensor advanced(const Tensor &counter, uint64_t words) {
  const auto [low, high] = wordsOf(counter);
  Tensor next = low + constant(static_cast<int64_t>(words & UINT32_MAX), DType::U32);
  Tensor carry = (next < low).cast(DType::U32);
  return Tensor::cat(
      {next, high + constant(static_cast<int64_t>(words >> 32), DType::U32) + carry});
}

/// The inverse.
Tensor retreated(const Tensor &counter, uint64_t words) {
  const auto [low, high] = wordsOf(counter + constant(int64_t{0}, DType::U32));
  Tensor step = constant(static_cast<int64_t>(words & UINT32_MAX), DType::U32);
  Tensor borrow = (low < step).cast(DType::U32);
  return Tensor::cat(
      {low - step, high - constant(static_cast<int64_t>(words >> 32), DType::U32) - borrow});
}

struct Draw {
  Tensor key, counter;
};

/// A key and a counter for the next `words` words of a device.
Result<Draw> draw(std::string_view device, uint64_t words) {
  std::lock_guard lock(generator().mutex);
  Generator &g = generator();
  const size_t number = g.numberOf(device);
  Draw next{Tensor::fromData(std::vector<uint32_t>{kDeviceWords[number % std::size(kDeviceWords)],
                                                   static_cast<uint32_t>(g.seed)}),
            {}};
  Tensor counter = g.streams[number].counter;
  if (!Capture::current()) {
    ROSSO_TRY(next.counter, snapshot(counter, words));
    return next;
  }
  ROSSO_CHECK(assign(counter, advanced(counter, words)));
  next.counter = retreated(counter, words); // what is written is computed at each call
  return next;
}

/// How many bits of a float type are its fraction.
int fractionBits(DType t) {
  switch (t) {
  case DType::F8E4M3:
  case DType::F8E4M3Fnuz:
    return 3;
  case DType::F8E5M2:
  case DType::F8E5M2Fnuz:
    return 2;
  case DType::F16:
    return 10;
  case DType::BF16:
    return 7;
  case DType::F64:
    return 52;
  default:
    return 23;
  }
}

/// The integer of the same size, without a sign.
DType bitsOf(DType t) {
  switch (byteSize(t)) {
  case 1:
    return DType::U8;
  case 2:
    return DType::U16;
  case 4:
    return DType::U32;
  default:
    return DType::U64;
  }
}

std::optional<int64_t> constantCount(const Shape &shape) {
  for (const Dim &extent : shape)
    if (surelyNegative(extent))
      return std::nullopt;
  auto count = elementCount(shape);
  return count && count->isConstant() ? std::optional(count->constant()) : std::nullopt;
}

Tensor refuseShape(const Shape &shape) {
  return failed("rand", "shape " + str(shape) + "; expected constant extents of 0 or more");
}

uint64_t wordsFor(int64_t count, DType dtype) {
  return (static_cast<uint64_t>(count) * byteSize(dtype) + 3) / 4;
}

/// Box and Muller's normal numbers from two uniform ones.
Tensor normalFrom(const Tensor &angle, const Tensor &radius) {
  return (angle * (2 * std::numbers::pi)).cos() * ((1 - radius).log() * -2).sqrt();
}

/// The product of all extents but the first: the inputs of a layer's output.
double fanIn(const Shape &shape) {
  double count = 1;
  for (size_t i = 1; i < shape.size(); ++i)
    count *= static_cast<double>(shape[i].constant());
  return count;
}

} // namespace

Tensor Tensor::randomBits(const Tensor &key, const Tensor &counter, int64_t count) {
  if (auto bad = firstBad({key, counter}))
    return *bad;
  if (!isWordPair(key) || !isWordPair(counter))
    return failed("randomBits", "a key " + str(key.shape()) + " and a counter " +
                                    str(counter.shape()) + "; expected u32 [2] both");
  if (count < 0)
    return failed("randomBits", std::to_string(count) + " words; expected 0 or more");
  std::vector<Tensor> parts;
  for (int64_t begin = 0; begin < count; begin += kMostWords) {
    // The counter makes a key of its own for every part, under which the words are numbered.
    const int64_t size = std::min(count - begin, kMostWords);
    Words at = wordsOf(begin ? advanced(counter, static_cast<uint64_t>(begin)) : counter);
    Words partKey = threefry(wordsOf(key), at);
    const int64_t half = (size + 1) / 2;
    Tensor number = arange(half, DType::U32);
    Words words = threefry(partKey, {number, number + half});
    parts.push_back(cat({words.low, words.high}).slice(0, 0, size));
  }
  return parts.empty() ? zeros({0}, DType::U32) : cat(parts);
}

Tensor Tensor::threefryBits(const Tensor &key, const Tensor &low, const Tensor &high) {
  if (auto bad = firstBad({key, low, high}))
    return *bad;
  if (!isWordPair(key))
    return failed("threefry", "a key " + str(key.shape()) + "; expected u32 [2]");
  Words words = threefry(wordsOf(key), {low.cast(DType::U32), high.cast(DType::U32)});
  return cat({words.low, words.high});
}

Tensor Tensor::randFrom(const Tensor &key, const Tensor &counter, Shape shape, DType dtype) {
  auto count = constantCount(shape);
  if (!count)
    return refuseShape(shape);
  if (!isFloat(dtype))
    return failed("rand", std::string(name(dtype)) + "; expected a float type");
  Tensor words = randomBits(key, counter, static_cast<int64_t>(wordsFor(*count, dtype)));
  // Random bits as the fraction of a float in [1, 2).
  DType integer = bitsOf(dtype);
  int unused = 8 * static_cast<int>(byteSize(dtype)) - fractionBits(dtype);
  Tensor one = constant(1.0, dtype).bitcast(integer);
  Tensor bits = (words.bitcast(integer) >> unused) | one;
  return (bits.bitcast(dtype).slice(0, 0, *count) - 1.0).reshape(std::move(shape));
}

void Tensor::manualSeed(uint64_t seed) {
  std::lock_guard lock(generator().mutex);
  generator().seed = seed;
  generator().streams.clear();
}

Tensor Tensor::randomCounter(std::string_view device) {
  std::lock_guard lock(generator().mutex);
  return generator().streams[generator().numberOf(device)].counter;
}

std::vector<std::string> Tensor::randomDevices() {
  std::lock_guard lock(generator().mutex);
  std::vector<std::string> devices;
  for (const Stream &stream : generator().streams)
    devices.push_back(stream.device);
  return devices;
}

Tensor Tensor::rand(Shape shape, DType dtype, std::string_view device) {
  auto count = constantCount(shape);
  if (!count)
    return refuseShape(shape);
  auto drawn = draw(device, wordsFor(*count, dtype));
  return drawn ? randFrom(drawn->key, drawn->counter, std::move(shape), dtype)
               : failed(drawn.error());
}

Tensor Tensor::randn(Shape shape, DType dtype, std::string_view device) {
  shape.insert(shape.begin(), 2);
  Tensor uniform = rand(std::move(shape), DType::F32, device);
  return normalFrom(uniform.select(0, 0), uniform.select(0, 1)).cast(dtype);
}

Tensor Tensor::uniform(Shape shape, double low, double high, DType dtype, std::string_view device) {
  if (!(low < high))
    return failed("uniform", "from " + std::to_string(low) + " to " + std::to_string(high) +
                                 "; expected low < high");
  return (rand(std::move(shape), DType::F32, device) * (high - low)).cast(dtype) + low;
}

Tensor Tensor::randint(Shape shape, int64_t low, int64_t high, DType dtype,
                       std::string_view device) {
  if (low >= high)
    return failed("randint", "from " + std::to_string(low) + " to " + std::to_string(high) +
                                 "; expected low < high");
  if (!isInteger(dtype))
    return failed("randint", std::string(name(dtype)) + "; expected an integer type");
  return (rand(std::move(shape), DType::F32, device) * (high - low)).cast(dtype) + low;
}

Tensor Tensor::normal(Shape shape, double mean, double std, DType dtype, std::string_view device) {
  if (!(std >= 0))
    return failed("normal", "a deviation of " + std::to_string(std) + "; expected 0 or more");
  return randn(std::move(shape), dtype, device) * std + mean;
}

Tensor Tensor::scaledUniform(Shape shape, DType dtype, std::string_view device) {
  auto count = constantCount(shape);
  if (!count)
    return refuseShape(shape);
  return uniform(std::move(shape), -1, 1, dtype, device) / std::sqrt(static_cast<double>(*count));
}

Tensor Tensor::glorotUniform(Shape shape, DType dtype, std::string_view device) {
  if (!constantCount(shape) || shape.empty())
    return refuseShape(shape);
  double bound = std::sqrt(6 / (static_cast<double>(shape[0].constant()) + fanIn(shape)));
  return uniform(std::move(shape), -bound, bound, dtype, device);
}

Tensor Tensor::kaimingUniform(Shape shape, double slope, DType dtype, std::string_view device) {
  if (!constantCount(shape))
    return refuseShape(shape);
  double bound = std::sqrt(6 / (1 + slope * slope) / fanIn(shape));
  return uniform(std::move(shape), -bound, bound, dtype, device);
}

Tensor Tensor::kaimingNormal(Shape shape, double slope, DType dtype, std::string_view device) {
  if (!constantCount(shape))
    return refuseShape(shape);
  double deviation = std::sqrt(2 / (1 + slope * slope) / fanIn(shape));
  return normal(std::move(shape), 0, deviation, dtype, device);
}

Tensor Tensor::randperm(int64_t n, DType dtype, std::string_view device) {
  return rand({n}, DType::F32, device).argsort().cast(dtype);
}

Tensor Tensor::multinomial(int64_t samples, bool replacement) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  bool isVector = ndim() == 1;
  Tensor weights = isVector ? unsqueeze(0) : *this;
  if (weights.ndim() != 2 || !constantCount(weights.shape()) || samples < 1 ||
      (!replacement && samples > weights.size(1).constant()))
    return failed("multinomial", std::to_string(samples) + " samples of a tensor " + str(shape()) +
                                     "; expected one or two axes and, without replacement, no "
                                     "more samples than places");
  Dim rows = weights.size(0);
  Tensor places;
  if (replacement || samples == 1) {
    Tensor running = weights.cumsum(1).toFloat();
    Tensor shares = running / running.slice(1, -1, weights.size(1));
    Tensor drawn = rand({samples, rows, 1});
    places = (drawn >= shares).sum(2).permute({1, 0});
  } else {
    // Efraimidis and Spirakis: the places of the largest u^(1 / weight).
    places = (rand(weights.shape()).log2() / weights).topk(samples, 1).second;
  }
  return (isVector ? places.squeeze(0) : places).toInt();
}

} // namespace rosso

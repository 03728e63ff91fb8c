#include "frontend/reference/Value.h"

#include "support/Float.h"

#include <cstring>

namespace rosso::reference {

namespace {

template <typename T> T load(const uint8_t *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <typename T> void store(uint8_t *bytes, T value) {
  std::memcpy(bytes, &value, sizeof value);
}

void storeReal(DType dtype, double value, uint8_t *bytes) {
  switch (dtype) {
  case DType::F16:
    return store(bytes, floatToHalf(static_cast<float>(value)));
  case DType::BF16:
    return store(bytes, floatToBfloat(static_cast<float>(value)));
  case DType::F32:
    return store(bytes, static_cast<float>(value));
  default:
    return store(bytes, value);
  }
}

} // namespace

int64_t Value::count() const {
  int64_t product = 1;
  for (int64_t extent : shape)
    product *= extent;
  return product;
}

double Value::at(size_t i) const {
  if (isReal())
    return reals[i];
  return dtype == DType::U64 ? static_cast<double>(static_cast<uint64_t>(integers[i]))
                             : static_cast<double>(integers[i]);
}

Value zeros(DType dtype, std::vector<int64_t> shape) {
  Value value{dtype, std::move(shape), {}, {}};
  if (value.isReal())
    value.reals.resize(static_cast<size_t>(value.count()));
  else
    value.integers.resize(static_cast<size_t>(value.count()));
  return value;
}

double loadReal(DType dtype, const uint8_t *bytes) {
  switch (dtype) {
  case DType::F16:
    return halfToFloat(load<uint16_t>(bytes));
  case DType::BF16:
    return bfloatToFloat(load<uint16_t>(bytes));
  case DType::F32:
    return load<float>(bytes);
  default:
    return load<double>(bytes);
  }
}

int64_t loadInteger(DType dtype, const uint8_t *bytes) {
  int64_t value = 0;
  std::memcpy(&value, bytes, byteSize(dtype)); // little-endian, as every host of ours
  return wrapped(value, dtype);
}

Result<Value> decode(DType dtype, std::vector<int64_t> shape, std::span<const uint8_t> bytes) {
  Value value = zeros(dtype, std::move(shape));
  uint64_t wanted = static_cast<uint64_t>(value.count()) * byteSize(dtype);
  if (bytes.size() != wanted)
    return badInput(std::to_string(bytes.size()) + " bytes of " + std::string(name(dtype)) +
                    "; expected " + std::to_string(wanted));
  for (size_t i = 0; i < value.reals.size(); ++i)
    value.reals[i] = loadReal(dtype, &bytes[i * byteSize(dtype)]);
  for (size_t i = 0; i < value.integers.size(); ++i)
    value.integers[i] = loadInteger(dtype, &bytes[i * byteSize(dtype)]);
  return value;
}

std::vector<uint8_t> encode(const Value &value) {
  unsigned size = byteSize(value.dtype);
  std::vector<uint8_t> bytes(static_cast<size_t>(value.count()) * size);
  for (size_t i = 0; i < value.reals.size(); ++i)
    storeReal(value.dtype, value.reals[i], &bytes[i * size]);
  for (size_t i = 0; i < value.integers.size(); ++i)
    std::memcpy(&bytes[i * size], &value.integers[i], size);
  return bytes;
}

double rounded(double value, DType dtype, Precision precision) {
  if (precision == Precision::Exact)
    return value;
  switch (dtype) {
  case DType::F16:
    return halfToFloat(floatToHalf(static_cast<float>(value)));
  case DType::BF16:
    return bfloatToFloat(floatToBfloat(static_cast<float>(value)));
  case DType::F32:
    return static_cast<float>(value);
  default:
    return value;
  }
}

} // namespace rosso::reference

// What a caller asks of a GGUF file: its parts on disk, typed metadata, tensor bytes.
#include "models/io/Gguf.h"

#include "models/io/GgufParser.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

namespace rosso {
namespace {

// Storage types of GGUF that have no entry in ir/quant/Formats.h, for messages only.
constexpr std::pair<uint32_t, std::string_view> kForeignTypes[] = {
    {9, "q8_1"}, {15, "q8_k"}, {24, "i8"},    {25, "i16"},  {26, "i32"},
    {27, "i64"}, {28, "f64"},  {34, "tq1_0"}, {40, "nvfp4"}};

/// The number `i` of a value that holds numbers, widened. False if it does not fit or is no T.
template <typename T>
bool numberAt(GgufType type, std::span<const uint8_t> bytes, uint64_t i, T &out) {
  auto as = [&]<typename Stored>(Stored stored) {
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    if constexpr (std::is_integral_v<T> && !std::is_integral_v<Stored>)
      return false;
    if constexpr (std::is_integral_v<T> && std::is_integral_v<Stored>)
      if (!std::in_range<T>(stored))
        return false;
    out = static_cast<T>(stored);
    return true;
  };
  switch (type) {
  case GgufType::U8:
    return as(uint8_t{});
  case GgufType::I8:
    return as(int8_t{});
  case GgufType::U16:
    return as(uint16_t{});
  case GgufType::I16:
    return as(int16_t{});
  case GgufType::U32:
    return as(uint32_t{});
  case GgufType::I32:
    return as(int32_t{});
  case GgufType::U64:
    return as(uint64_t{});
  case GgufType::I64:
    return as(int64_t{});
  case GgufType::F32:
    return as(float{});
  case GgufType::F64:
    return as(double{});
  default:
    return false;
  }
}

std::string describe(const GgufValue &value) {
  int64_t number = 0;
  if (numberAt(value.type, value.bytes, 0, number))
    return value.typeName() + " " + std::to_string(number);
  return value.typeName();
}

Error keyError(const GgufFile &file, std::string_view key, const GgufValue *found,
               const std::string &wanted) {
  return badInput(file.path() + ": key " + quoted(key) +
                  (found ? ": found " + describe(*found) : " is missing") + ", wanted " + wanted);
}

template <typename T>
Result<T> getNumber(const GgufFile &file, std::string_view key, const char *wanted) {
  const GgufValue *value = file.find(key);
  T number{};
  if (!value || !numberAt(value->type, value->bytes, 0, number))
    return keyError(file, key, value, wanted);
  return number;
}

template <typename T>
Result<std::vector<T>> getNumbers(const GgufFile &file, std::string_view key, const char *wanted) {
  const GgufValue *value = file.find(key);
  if (!value || value->type != GgufType::Array)
    return keyError(file, key, value, wanted);
  std::vector<T> numbers;
  if (value->count == 0)
    return numbers;
  if (byteSize(value->elementType) == 0)
    return keyError(file, key, value, wanted);
  numbers.resize(value->count);
  for (uint64_t i = 0; i < value->count; ++i)
    if (!numberAt(value->elementType, value->bytes, i, numbers[i]))
      return keyError(file, key, value, wanted);
  return numbers;
}

/// "DIR/NAME-00002-of-00005.gguf" -> its pieces.
struct PartName {
  std::string stem;               // "DIR/NAME"
  unsigned number = 0, count = 0; // 2, 5

  std::string path(unsigned part) const {
    char suffix[40];
    std::snprintf(suffix, sizeof(suffix), "-%05u-of-%05u.gguf", part, count);
    return stem + suffix;
  }
};

std::optional<PartName> partName(const std::string &path) {
  constexpr size_t kSuffix = sizeof("-00001-of-00005.gguf") - 1;
  if (path.size() <= kSuffix)
    return std::nullopt;
  PartName part;
  part.stem = path.substr(0, path.size() - kSuffix);
  if (std::sscanf(path.c_str() + part.stem.size(), "-%5u-of-%5u.gguf", &part.number, &part.count) !=
          2 ||
      part.path(part.number) != path)
    return std::nullopt;
  return part;
}

} // namespace

std::string GgufValue::typeName() const {
  if (type != GgufType::Array)
    return std::string(name(type));
  return "array of " + std::to_string(count) + " " + std::string(name(elementType));
}

int64_t GgufTensor::elements() const {
  int64_t product = 1;
  for (int64_t extent : ne)
    product *= extent;
  return product;
}

/// Joins the parsed parts of one model.
class GgufParser {
public:
  static Status addPart(GgufFile &model, MappedFile file) {
    ROSSO_TRY(GgufHeader header, parseGguf(file.bytes(), file.path()));
    const auto index = static_cast<unsigned>(model.files_.size());
    if (index == 0) {
      model.version_ = header.version;
      for (auto &[key, value] : header.values) {
        model.keys_.push_back(key);
        model.values_.emplace(key, std::move(value));
      }
    }
    for (GgufTensor &tensor : header.tensors) {
      tensor.file = index;
      if (!model.tensorIndex_.emplace(tensor.name, model.tensors_.size()).second)
        return badInput(file.path() + ": tensor " + quoted(tensor.name) +
                        " is also in an earlier part of this model");
      model.tensors_.push_back(std::move(tensor));
    }
    model.files_.push_back(std::move(file));
    return {};
  }

  /// Opens the parts after the first, if the first says that there are some.
  static Status addOtherParts(GgufFile &model) {
    const std::string first = model.path();
    ROSSO_TRY(uint64_t count, model.getU64("split.count", 1));
    ROSSO_TRY(uint64_t number, model.getU64("split.no", 0));
    if (count <= 1)
      return {};
    const auto part = partName(first);
    if (!part || part->count != count || part->number != number + 1)
      return badInput(first + ": this is part " + std::to_string(number + 1) + " of " +
                      std::to_string(count) +
                      " by its metadata, but not by its name; wanted NAME-00001-of-0000N.gguf");
    if (number != 0)
      return badInput(first + ": this is part " + std::to_string(number + 1) + " of " +
                      std::to_string(count) + "; open the first, " + part->path(1));

    for (unsigned i = 1; i < count; ++i) {
      const std::string path = part->path(i + 1);
      auto file = MappedFile::open(path);
      if (!file)
        return file.error().in("part " + std::to_string(i + 1) + " of " + std::to_string(count));
      ROSSO_CHECK(checkPart(*file, i, count));
      ROSSO_CHECK(addPart(model, *std::move(file)));
    }
    ROSSO_TRY(uint64_t tensors, model.getU64("split.tensors.count", model.tensors_.size()));
    if (tensors != model.tensors_.size())
      return badInput(first + ": split.tensors.count is " + std::to_string(tensors) + ", but the " +
                      std::to_string(count) + " parts hold " +
                      std::to_string(model.tensors_.size()) + " tensors");
    return {};
  }

private:
  static Status checkPart(const MappedFile &file, uint64_t number, uint64_t count) {
    ROSSO_TRY(GgufFile part, GgufFile::parse(file.bytes(), file.path()));
    ROSSO_TRY(uint64_t foundNumber, part.getU64("split.no"));
    ROSSO_TRY(uint64_t foundCount, part.getU64("split.count"));
    if (foundNumber != number || foundCount != count)
      return badInput(file.path() + ": found split.no " + std::to_string(foundNumber) +
                      " and split.count " + std::to_string(foundCount) + ", wanted " +
                      std::to_string(number) + " and " + std::to_string(count));
    return {};
  }
};

Result<GgufFile> GgufFile::open(const std::string &path) {
  ROSSO_TRY(MappedFile file, MappedFile::open(path));
  GgufFile model;
  ROSSO_CHECK(GgufParser::addPart(model, std::move(file)));
  ROSSO_CHECK(GgufParser::addOtherParts(model));
  return model;
}

Result<GgufFile> GgufFile::parse(std::span<const uint8_t> bytes, std::string name) {
  GgufFile model;
  ROSSO_CHECK(GgufParser::addPart(model, MappedFile::fromMemory(bytes, std::move(name))));
  return model;
}

const GgufValue *GgufFile::find(std::string_view key) const {
  auto it = values_.find(key);
  return it == values_.end() ? nullptr : &it->second;
}

Result<uint64_t> GgufFile::getU64(std::string_view key) const {
  return getNumber<uint64_t>(*this, key, "an integer of at least 0");
}
Result<int64_t> GgufFile::getI64(std::string_view key) const {
  return getNumber<int64_t>(*this, key, "an integer");
}
Result<double> GgufFile::getF64(std::string_view key) const {
  return getNumber<double>(*this, key, "a number");
}
Result<uint64_t> GgufFile::getU64(std::string_view key, uint64_t fallback) const {
  return find(key) ? getU64(key) : fallback;
}
Result<int64_t> GgufFile::getI64(std::string_view key, int64_t fallback) const {
  return find(key) ? getI64(key) : fallback;
}
Result<double> GgufFile::getF64(std::string_view key, double fallback) const {
  return find(key) ? getF64(key) : fallback;
}

Result<bool> GgufFile::getBool(std::string_view key) const {
  const GgufValue *value = find(key);
  if (!value || value->type != GgufType::Bool)
    return keyError(*this, key, value, "a bool");
  return value->bytes[0] != 0;
}
Result<bool> GgufFile::getBool(std::string_view key, bool fallback) const {
  return find(key) ? getBool(key) : fallback;
}

Result<std::string_view> GgufFile::getString(std::string_view key) const {
  const GgufValue *value = find(key);
  if (!value || value->type != GgufType::String)
    return keyError(*this, key, value, "a string");
  return std::string_view(reinterpret_cast<const char *>(value->bytes.data()), value->bytes.size());
}
Result<std::string_view> GgufFile::getString(std::string_view key,
                                             std::string_view fallback) const {
  return find(key) ? getString(key) : fallback;
}

Result<std::span<const std::string_view>> GgufFile::getStringArray(std::string_view key) const {
  const GgufValue *value = find(key);
  if (!value || value->type != GgufType::Array || value->elementType != GgufType::String)
    return keyError(*this, key, value, "an array of strings");
  return std::span<const std::string_view>(value->strings);
}
Result<std::vector<int64_t>> GgufFile::getI64Array(std::string_view key) const {
  return getNumbers<int64_t>(*this, key, "an array of integers");
}
Result<std::vector<float>> GgufFile::getF32Array(std::string_view key) const {
  return getNumbers<float>(*this, key, "an array of numbers");
}

const GgufTensor *GgufFile::findTensor(std::string_view name) const {
  auto it = tensorIndex_.find(name);
  return it == tensorIndex_.end() ? nullptr : &tensors_[it->second];
}

Status GgufFile::usable(const GgufTensor &tensor) const {
  if (tensor.format)
    return {};
  return unsupported(files_[tensor.file].path() + ": tensor " + quoted(tensor.name) +
                     " is stored as " + ggufTensorTypeName(tensor.type) +
                     ", which is not supported; requantise the model, for example to q4_k or q8_0");
}

std::span<const uint8_t> GgufFile::data(const GgufTensor &tensor) const {
  return files_[tensor.file].bytes().subspan(tensor.offset, tensor.fileBytes);
}

Status GgufFile::read(const GgufTensor &tensor, uint64_t begin, std::span<uint8_t> out) const {
  ROSSO_CHECK(usable(tensor));
  if (begin > tensor.bytes || out.size() > tensor.bytes - begin)
    return badInput(files_[tensor.file].path() + ": tensor " + quoted(tensor.name) + " has " +
                    std::to_string(tensor.bytes) + " bytes, wanted " + std::to_string(out.size()) +
                    " at " + std::to_string(begin));
  const Status status = tensor.format->file ? readResolved(tensor, begin, out)
                                            : files_[tensor.file].read(tensor.offset + begin, out);
  if (!status)
    return status.error().in("tensor " + quoted(tensor.name));
  return {};
}

Status GgufFile::readResolved(const GgufTensor &tensor, uint64_t begin,
                              std::span<uint8_t> out) const {
  constexpr uint64_t kBlocks = 4096; // at a time
  const QuantFormat &format = *tensor.format;
  const uint64_t size = format.blockSize, fileSize = format.file->size;
  std::vector<uint8_t> stored, blocks;
  while (!out.empty()) {
    const uint64_t first = begin / size, before = begin % size; // in the first block
    const uint64_t count = std::min(kBlocks, (before + out.size() + size - 1) / size);
    stored.resize(count * fileSize);
    blocks.resize(count * size);
    ROSSO_CHECK(files_[tensor.file].read(tensor.offset + first * fileSize, stored));
    resolveGrid(format, stored, blocks);
    const uint64_t copied = std::min<uint64_t>(out.size(), blocks.size() - before);
    std::copy_n(blocks.begin() + static_cast<long>(before), copied, out.begin());
    out = out.subspan(copied);
    begin += copied;
  }
  return {};
}

void GgufFile::prefetch(const GgufTensor &tensor) const {
  files_[tensor.file].prefetch(tensor.offset, tensor.fileBytes);
}

uint64_t GgufFile::tensorBytes() const {
  uint64_t sum = 0;
  for (const GgufTensor &tensor : tensors_)
    sum += tensor.bytes;
  return sum;
}

std::string quoted(std::string_view text) {
  constexpr size_t kMaxShown = 80;
  std::string out = "'";
  for (size_t i = 0; i < text.size() && i < kMaxShown; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    char escaped[8];
    std::snprintf(escaped, sizeof(escaped), byte < 0x20 || byte >= 0x7F ? "\\x%02x" : "%c", byte);
    out += escaped;
  }
  return out + (text.size() > kMaxShown ? "...'" : "'");
}

std::string ggufTensorTypeName(uint32_t type) {
  for (const auto &[number, foreign] : kForeignTypes)
    if (number == type)
      return std::string(foreign);
  return "type " + std::to_string(type);
}

} // namespace rosso

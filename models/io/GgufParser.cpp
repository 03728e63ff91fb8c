// A count in a hostile file may be anything: nothing here reserves memory or loops by a count
// before the bytes that must follow it are known to exist.
#include "models/io/GgufParser.h"

#include "ir/quant/Formats.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>
#include <utility>

namespace rosso {
namespace {

constexpr uint32_t kMaxDims = 4;
constexpr uint64_t kDefaultAlignment = 32;
constexpr unsigned kMaxArrayDepth = 8;

struct TypeInfo {
  std::string_view name;
  unsigned bytes;
};
constexpr TypeInfo kTypes[] = {{"u8", 1},  {"i8", 1},  {"u16", 2},  {"i16", 2},    {"u32", 4},
                               {"i32", 4}, {"f32", 4}, {"bool", 1}, {"string", 0}, {"array", 0},
                               {"u64", 8}, {"i64", 8}, {"f64", 8}};

/// Reads on and on through the header; every error says at which byte.
class Cursor {
public:
  Cursor(std::span<const uint8_t> bytes, const std::string &path) : bytes_(bytes), path_(path) {}

  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }

  /// Errors from here on are about the value of this key; empty: about none.
  void setKey(std::string_view key) { key_ = key; }

  Error error(const std::string &message) const {
    return badInput(path_ + ": at byte " + std::to_string(position_) + ": " +
                    (key_.empty() ? "" : "key " + quoted(key_) + ": ") + message);
  }

  Result<std::span<const uint8_t>> take(uint64_t count, const char *what) {
    if (count > left())
      return error(std::string("the file ends inside ") + what + ": wanted " +
                   std::to_string(count) + " bytes, found " + std::to_string(left()) +
                   "; the download or copy may be incomplete");
    auto taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }

  template <typename T> Result<T> number(const char *what) {
    ROSSO_TRY(auto taken, take(sizeof(T), what));
    T value;
    std::memcpy(&value, taken.data(), sizeof(T));
    return value;
  }

  Result<std::string_view> string(const char *what) {
    ROSSO_TRY(uint64_t length, number<uint64_t>(what));
    ROSSO_TRY(auto taken, take(length, what));
    return std::string_view(reinterpret_cast<const char *>(taken.data()), taken.size());
  }

  Result<GgufType> type() {
    ROSSO_TRY(uint32_t number, this->number<uint32_t>("a value's type"));
    if (number >= std::size(kTypes))
      return error("unknown metadata type " + std::to_string(number) + ", wanted 0 to 12");
    return static_cast<GgufType>(number);
  }

  Result<GgufValue> value(GgufType type, unsigned depth);

private:
  Status array(GgufValue &value, unsigned depth);

  std::span<const uint8_t> bytes_;
  const std::string &path_;
  size_t position_ = 0;
  std::string_view key_;
};

Result<GgufValue> Cursor::value(GgufType type, unsigned depth) {
  GgufValue value;
  value.type = type;
  if (type == GgufType::Array) {
    ROSSO_CHECK(array(value, depth));
  } else if (type == GgufType::String) {
    ROSSO_TRY(std::string_view text, string("a string"));
    value.bytes = {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
  } else {
    ROSSO_TRY(value.bytes, take(byteSize(type), "a number"));
    if (type == GgufType::Bool && value.bytes[0] > 1)
      return error("found " + std::to_string(value.bytes[0]) + " as a bool, wanted 0 or 1");
  }
  return value;
}

Status Cursor::array(GgufValue &value, unsigned depth) {
  if (depth == kMaxArrayDepth)
    return error("arrays are nested more than " + std::to_string(kMaxArrayDepth) + " deep");
  ROSSO_TRY(value.elementType, type());
  ROSSO_TRY(value.count, number<uint64_t>("an array's count"));

  // The least an element can take: an empty string, or an empty array.
  const unsigned fixed = byteSize(value.elementType);
  const unsigned least = fixed ? fixed : value.elementType == GgufType::String ? 8 : 12;
  if (value.count > left() / least)
    return error("an array of " + std::to_string(value.count) + " " +
                 std::string(name(value.elementType)) + " cannot fit in the " +
                 std::to_string(left()) + " bytes that are left of the file");
  if (fixed) {
    ROSSO_TRY(value.bytes, take(value.count * fixed, "an array"));
    return {};
  }
  if (value.elementType == GgufType::String) {
    value.strings.reserve(value.count);
    for (uint64_t i = 0; i < value.count; ++i) {
      ROSSO_TRY(std::string_view text, string("an array of strings"));
      value.strings.push_back(text);
    }
    return {};
  }
  for (uint64_t i = 0; i < value.count; ++i) {
    ROSSO_TRY(GgufValue element, this->value(GgufType::Array, depth + 1));
    value.arrays.push_back(std::move(element));
  }
  return {};
}

Status sizeTensor(GgufTensor &tensor, const Cursor &cursor) {
  uint64_t elements = 1;
  for (int64_t extent : tensor.ne) {
    if (extent <= 0)
      return cursor.error("tensor " + quoted(tensor.name) + " has an extent of " +
                          std::to_string(extent) + ", wanted at least 1");
    if (__builtin_mul_overflow(elements, static_cast<uint64_t>(extent), &elements) ||
        elements > INT64_MAX)
      return cursor.error("tensor " + quoted(tensor.name) + " has more than 2^63 elements");
  }
  tensor.format = findFormatByGgufType(tensor.type);
  if (!tensor.format)
    return {};
  const uint64_t row = tensor.ne.empty() ? 1 : static_cast<uint64_t>(tensor.ne[0]);
  if (row % tensor.format->blockLen != 0)
    return cursor.error("tensor " + quoted(tensor.name) + ": row of " + std::to_string(row) +
                        " weights is not a multiple of the " + std::string(tensor.format->name) +
                        " block length " + std::to_string(tensor.format->blockLen));
  const uint64_t blocks = elements / tensor.format->blockLen;
  if (__builtin_mul_overflow(blocks, tensor.format->blockSize, &tensor.bytes) ||
      __builtin_mul_overflow(blocks, tensor.format->fileBlockSize(), &tensor.fileBytes))
    return cursor.error("tensor " + quoted(tensor.name) + " has more than 2^64 bytes");
  return {};
}

Result<GgufTensor> parseTensor(Cursor &cursor) {
  GgufTensor tensor;
  ROSSO_TRY(std::string_view tensorName, cursor.string("a tensor's name"));
  tensor.name = tensorName;
  ROSSO_TRY(uint32_t dims, cursor.number<uint32_t>("a tensor's dimension count"));
  if (dims > kMaxDims)
    return cursor.error("tensor " + quoted(tensor.name) + " has " + std::to_string(dims) +
                        " dimensions, wanted at most " + std::to_string(kMaxDims));
  for (uint32_t i = 0; i < dims; ++i) {
    ROSSO_TRY(int64_t extent, cursor.number<int64_t>("a tensor's extents"));
    tensor.ne.push_back(extent);
  }
  tensor.shape.assign(tensor.ne.rbegin(), tensor.ne.rend());
  ROSSO_TRY(tensor.type, cursor.number<uint32_t>("a tensor's type"));
  ROSSO_TRY(tensor.offset, cursor.number<uint64_t>("a tensor's offset"));
  ROSSO_CHECK(sizeTensor(tensor, cursor));
  return tensor;
}

Result<uint64_t> alignmentOf(const GgufHeader &header, const Cursor &cursor) {
  for (const auto &[key, value] : header.values) {
    if (key != "general.alignment")
      continue;
    if (value.type != GgufType::U32)
      return cursor.error("general.alignment: found " + value.typeName() + ", wanted u32");
    uint32_t alignment = 0;
    std::memcpy(&alignment, value.bytes.data(), sizeof(alignment));
    if (!std::has_single_bit(alignment))
      return cursor.error("general.alignment is " + std::to_string(alignment) +
                          ", wanted a power of two");
    return alignment;
  }
  return kDefaultAlignment;
}

/// Makes the offsets absolute, after checking that all data lies in the file, nothing twice.
Status placeTensors(GgufHeader &header, uint64_t alignment, uint64_t fileBytes,
                    const Cursor &cursor) {
  const uint64_t begin = (cursor.position() + alignment - 1) / alignment * alignment;
  for (GgufTensor &tensor : header.tensors) {
    if (tensor.offset % alignment != 0)
      return cursor.error("tensor " + quoted(tensor.name) + " begins at data offset " +
                          std::to_string(tensor.offset) + ", which is not a multiple of " +
                          std::to_string(alignment));
    if (begin > fileBytes || tensor.offset > fileBytes - begin ||
        tensor.fileBytes > fileBytes - begin - tensor.offset)
      return cursor.error("tensor " + quoted(tensor.name) + " with " +
                          std::to_string(tensor.fileBytes) + " bytes at data offset " +
                          std::to_string(tensor.offset) + " does not lie in the file of " +
                          std::to_string(fileBytes) +
                          " bytes; the download or copy may be incomplete");
    tensor.offset += begin;
  }

  std::vector<const GgufTensor *> inOrder;
  for (const GgufTensor &tensor : header.tensors)
    if (tensor.fileBytes > 0)
      inOrder.push_back(&tensor);
  std::sort(inOrder.begin(), inOrder.end(), [](const GgufTensor *a, const GgufTensor *b) {
    return std::pair(a->offset, a) < std::pair(b->offset, b);
  });
  for (size_t i = 1; i < inOrder.size(); ++i)
    if (inOrder[i - 1]->offset + inOrder[i - 1]->fileBytes > inOrder[i]->offset)
      return cursor.error("tensors " + quoted(inOrder[i - 1]->name) + " and " +
                          quoted(inOrder[i]->name) + " overlap in the file");
  return {};
}

Result<uint32_t> parseVersion(Cursor &cursor, const std::string &path) {
  auto magic = cursor.take(4, "the magic bytes");
  const auto is = [&](const char *word) { return magic && !std::memcmp(magic->data(), word, 4); };
  if (is("tjgg") || is("lmgg") || is("fmgg")) // "ggjt" and kin, as little-endian u32
    return badInput(path + ": this is a file in ggml's old format; convert the model to GGUF");
  if (!is("GGUF"))
    return badInput(path + ": the file does not begin with \"GGUF\", so it is no GGUF file");
  ROSSO_TRY(uint32_t version, cursor.number<uint32_t>("the version"));
  if (version != 0 && (version & 0xFFFF) == 0)
    return cursor.error("this is a big-endian file; convert it with gguf-convert-endian");
  if (version != 2 && version != 3)
    return cursor.error("found GGUF version " + std::to_string(version) +
                        ", wanted 2 or 3; convert the model again");
  return version;
}

} // namespace

unsigned byteSize(GgufType type) { return kTypes[static_cast<uint32_t>(type)].bytes; }
std::string_view name(GgufType type) { return kTypes[static_cast<uint32_t>(type)].name; }

Result<GgufHeader> parseGguf(std::span<const uint8_t> bytes, const std::string &path) {
  static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie");
  Cursor cursor(bytes, path);
  GgufHeader header;
  ROSSO_TRY(header.version, parseVersion(cursor, path));
  ROSSO_TRY(uint64_t tensorCount, cursor.number<uint64_t>("the tensor count"));
  ROSSO_TRY(uint64_t keyCount, cursor.number<uint64_t>("the key count"));

  std::set<std::string_view> keys;
  for (uint64_t i = 0; i < keyCount; ++i) {
    ROSSO_TRY(std::string_view key, cursor.string("a key"));
    if (!keys.insert(key).second)
      return cursor.error("key " + quoted(key) + " appears twice");
    cursor.setKey(key);
    ROSSO_TRY(GgufType type, cursor.type());
    ROSSO_TRY(GgufValue value, cursor.value(type, 0));
    header.values.emplace_back(key, std::move(value));
    cursor.setKey({});
  }

  std::set<std::string> names;
  for (uint64_t i = 0; i < tensorCount; ++i) {
    ROSSO_TRY(GgufTensor tensor, parseTensor(cursor));
    if (!names.insert(tensor.name).second)
      return cursor.error("tensor " + quoted(tensor.name) + " appears twice");
    header.tensors.push_back(std::move(tensor));
  }
  ROSSO_TRY(uint64_t alignment, alignmentOf(header, cursor));
  ROSSO_CHECK(placeTensors(header, alignment, bytes.size(), cursor));
  return header;
}

} // namespace rosso

// GGUF: a header of typed metadata and tensor descriptions, then the tensors' bytes.
//
//   "GGUF" | version u32 | tensor count u64 | key count u64
//   key:     name | type u32 | value
//   tensor:  name | dimension count u32 | extents u64, innermost first | type u32 | offset u64
//   padding to `general.alignment`, then the data; offsets count from there
//
// A string is a u64 length and its bytes; an array an element type u32, a u64 count, the elements.
// A model may be split over files "NAME-00001-of-0000N.gguf"; the first holds the metadata.
// Versions 2 and 3, little-endian. Source: docs/gguf.md of ggml.
//
// Names, strings and arrays are views into the mapped file: they live as long as the GgufFile.
// Everything is checked while it is parsed; what `open` returns holds no offset outside a file.
#pragma once

#include "ir/quant/QuantFormat.h"
#include "models/io/MappedFile.h"
#include "support/Result.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rosso {

/// The metadata types, with GGUF's numbers.
enum class GgufType : uint32_t {
  U8 = 0,
  I8,
  U16,
  I16,
  U32,
  I32,
  F32,
  Bool,
  String,
  Array,
  U64,
  I64,
  F64 = 12,
};

struct GgufValue {
  GgufType type = GgufType::U8;
  std::span<const uint8_t> bytes; // of a number, or of a string's text, or of an array of numbers

  // Arrays only.
  GgufType elementType = GgufType::U8;
  uint64_t count = 0;
  std::vector<std::string_view> strings; // the elements of an array of strings
  std::vector<GgufValue> arrays;         // the elements of an array of arrays

  /// "u32", "string", "array of 3 f32"
  std::string typeName() const;
};

struct GgufTensor {
  std::string name;
  std::vector<int64_t> ne;             // extents as GGUF has them, innermost first
  std::vector<int64_t> shape;          // the same in row-major order, outermost first
  uint32_t type = 0;                   // GGUF's number
  const QuantFormat *format = nullptr; // null: a type we cannot read; see GgufFile::usable
  uint64_t bytes = 0;                  // as the format describes it; 0 without one
  uint64_t fileBytes = 0;              // in the file, which may say it in fewer
  unsigned file = 0;                   // which part of a split file
  uint64_t offset = 0;                 // from the beginning of that file

  int64_t elements() const;
};

class GgufFile {
public:
  /// Opens a file, or all parts of a split file of which `path` is the first.
  static Result<GgufFile> open(const std::string &path);
  /// Parses one file that lies in memory, which the caller keeps alive.
  static Result<GgufFile> parse(std::span<const uint8_t> bytes, std::string name);

  const std::string &path() const { return files_.front().path(); }
  uint32_t version() const { return version_; }

  // Metadata, in file order.
  const std::vector<std::string_view> &keys() const { return keys_; }
  const GgufValue *find(std::string_view key) const;

  // Typed access. An error names the file, the key, what was found and what was wanted. Integers
  // may be stored in any integer type, floats in any number type. The forms with `fallback`
  // return it when the key is absent, and still fail on a wrong type.
  Result<uint64_t> getU64(std::string_view key) const;
  Result<uint64_t> getU64(std::string_view key, uint64_t fallback) const;
  Result<int64_t> getI64(std::string_view key) const;
  Result<int64_t> getI64(std::string_view key, int64_t fallback) const;
  Result<double> getF64(std::string_view key) const;
  Result<double> getF64(std::string_view key, double fallback) const;
  Result<bool> getBool(std::string_view key) const;
  Result<bool> getBool(std::string_view key, bool fallback) const;
  Result<std::string_view> getString(std::string_view key) const;
  Result<std::string_view> getString(std::string_view key, std::string_view fallback) const;
  Result<std::span<const std::string_view>> getStringArray(std::string_view key) const;
  Result<std::vector<int64_t>> getI64Array(std::string_view key) const;
  Result<std::vector<float>> getF32Array(std::string_view key) const;

  // Tensors, in file order.
  const std::vector<GgufTensor> &tensors() const { return tensors_; }
  const GgufTensor *findTensor(std::string_view name) const;
  /// The tensor if we know its storage format, else an error that names the tensor and its type.
  Status usable(const GgufTensor &tensor) const;
  /// The bytes of the file in the map: touching them makes them resident.
  std::span<const uint8_t> data(const GgufTensor &tensor) const;
  /// Fills `out` with the tensor's bytes from `begin` on, as its format describes them, past the
  /// map. Blocks that the file stores otherwise are resolved (ir/quant/GridBlock.h).
  Status read(const GgufTensor &tensor, uint64_t begin, std::span<uint8_t> out) const;
  void prefetch(const GgufTensor &tensor) const;
  /// Sum over all tensors whose format we know.
  uint64_t tensorBytes() const;

private:
  friend class GgufParser;

  Status readResolved(const GgufTensor &tensor, uint64_t begin, std::span<uint8_t> out) const;

  std::vector<MappedFile> files_;
  uint32_t version_ = 0;
  std::vector<std::string_view> keys_;
  std::map<std::string_view, GgufValue> values_;
  std::vector<GgufTensor> tensors_;
  std::map<std::string, size_t, std::less<>> tensorIndex_;
};

/// `text` in single quotes, fit for a message: escapes what a terminal would act on, and shortens.
std::string quoted(std::string_view text);
/// "q4_k", "iq2_xs"; "type 99" where the number is unknown.
std::string ggufTensorTypeName(uint32_t type);

} // namespace rosso

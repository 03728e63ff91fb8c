// The bytes of a program, little-endian, no padding:
//
//   magic "ROSSOPRG" | version u32 | payload size u64 | SHA-256 of the payload | payload
//
// `fields` below states the order of the payload once, for writing and for reading. A string or
// list is its count as u64, then its elements. Reading never allocates ahead of the bytes it has.
#include "runtime/program/Program.h"

#include "support/Sha256.h"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstring>
#include <limits>

namespace rosso {
namespace {

static_assert(std::endian::native == std::endian::little, "integers are copied as they lie");

constexpr char kMagic[8] = {'R', 'O', 'S', 'S', 'O', 'P', 'R', 'G'};
constexpr uint32_t kVersion = 3; // add one with every change of `fields`
constexpr size_t kHeaderBytes = sizeof(kMagic) + 4 + 8 + sizeof(Sha256::Digest);

template <typename T, typename U>
concept Like = std::same_as<std::remove_const_t<T>, U>;

void fields(auto &io, Like<BufferRef> auto &x) { io(x.space, x.index, x.offset); }
void fields(auto &io, Like<WeightSlot> auto &x) {
  io(x.name, x.format, x.layout, x.shape, x.bytes);
}
void fields(auto &io, Like<BufferSlot> auto &x) { io(x.name, x.format, x.shape, x.bytes); }
void fields(auto &io, Like<Kernel> auto &x) {
  io(x.name, x.symbol, x.stats, x.scratchBytesPerThread, x.threads, x.ldsBytes);
}
void fields(auto &io, Like<GridDim> auto &x) { io(x.extent, x.tile); }
void fields(auto &io, Like<Launch> auto &x) {
  io(x.kernel, x.buffers, x.outputCount, x.grid, x.barrierBefore, x.nodes, x.bytesMoved,
     x.operations);
}
void fields(auto &io, Like<Entry> auto &x) { io(x.name, x.inputs, x.outputs, x.launches, x.rooms); }
void fields(auto &io, Like<VarBounds> auto &x) { io(x.min, x.max); }
void fields(auto &io, Like<Program> auto &x) {
  io(x.target, x.code, x.kernels, x.vars, x.weights, x.states, x.entries, x.scratchBytes);
}

class Writer {
public:
  explicit Writer(std::vector<uint8_t> &bytes) : bytes_(bytes) {}

  void operator()(const auto &...values) { (put(values), ...); }

private:
  void raw(const void *data, size_t size) {
    auto *begin = static_cast<const uint8_t *>(data);
    bytes_.insert(bytes_.end(), begin, begin + size);
  }
  template <std::integral T> void put(const T &value) { raw(&value, sizeof(value)); }
  void put(Space space) { put(static_cast<uint8_t>(space)); }
  void put(const std::string &text) {
    put(uint64_t{text.size()});
    raw(text.data(), text.size());
  }
  void put(const std::vector<uint8_t> &data) {
    put(uint64_t{data.size()});
    raw(data.data(), data.size());
  }
  template <typename T> void put(const std::vector<T> &list) {
    put(uint64_t{list.size()});
    for (const T &element : list)
      put(element);
  }
  template <typename T> void put(const std::map<std::string, T> &map) {
    put(uint64_t{map.size()});
    for (const auto &[key, value] : map) {
      put(key);
      put(value);
    }
  }
  void put(const Dim &dim) {
    put(dim.constant());
    put(dim.terms());
  }
  template <typename T>
    requires std::is_class_v<T>
  void put(const T &value) {
    fields(*this, value);
  }

  std::vector<uint8_t> &bytes_;
};

/// After the first failure every read gives zero or nothing, and `ok` stays false.
class Reader {
public:
  explicit Reader(std::span<const uint8_t> bytes) : rest_(bytes) {}

  void operator()(auto &...values) { (get(values), ...); }
  bool atEnd() const { return ok_ && rest_.empty(); }

private:
  std::span<const uint8_t> take(uint64_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  template <std::integral T> void get(T &value) {
    auto bytes = take(sizeof(T));
    if (ok_)
      std::memcpy(&value, bytes.data(), sizeof(T));
  }
  void get(bool &value) {
    uint8_t byte = 0;
    get(byte);
    ok_ &= byte <= 1;
    value = byte == 1;
  }
  void get(Space &space) {
    uint8_t byte = 0;
    get(byte);
    ok_ &= byte <= static_cast<uint8_t>(Space::Scratch);
    space = ok_ ? static_cast<Space>(byte) : Space::Scratch;
  }
  uint64_t count() {
    uint64_t n = 0;
    get(n);
    return n;
  }
  void get(std::string &text) {
    auto bytes = take(count());
    text.assign(bytes.begin(), bytes.end());
  }
  void get(std::vector<uint8_t> &data) {
    auto bytes = take(count());
    data.assign(bytes.begin(), bytes.end());
  }
  template <typename T> void get(std::vector<T> &list) {
    // No element is empty, so that a count too large for the bytes runs out of them.
    for (uint64_t n = count(); ok_ && list.size() < n;)
      get(list.emplace_back());
  }
  template <typename T> void get(std::map<std::string, T> &map) {
    uint64_t n = count();
    std::string key, last;
    for (uint64_t i = 0; ok_ && i < n; ++i) {
      get(key);
      ok_ &= i == 0 || last < key; // each key once, in order: one program has one encoding
      get(map[key]);
      last = key;
    }
  }
  void get(Dim &dim) {
    int64_t constant = 0;
    std::map<std::string, int64_t> terms;
    get(constant);
    get(terms);
    dim = Dim(constant);
    for (const auto &[name, coefficient] : terms) {
      ok_ &= coefficient != 0;
      dim = dim + Dim::variable(name) * coefficient;
    }
  }
  template <typename T>
    requires std::is_class_v<T>
  void get(T &value) {
    fields(*this, value);
  }

  std::span<const uint8_t> rest_;
  bool ok_ = true;
};

} // namespace

std::vector<uint8_t> serialize(const Program &program) {
  std::vector<uint8_t> bytes(kHeaderBytes);
  Writer write(bytes);
  fields(write, program);

  std::span<const uint8_t> payload = std::span(bytes).subspan(kHeaderBytes);
  const Sha256::Digest digest = Sha256::of(payload);
  const uint64_t size = payload.size();
  uint8_t *header = bytes.data();
  std::memcpy(header, kMagic, 8);
  std::memcpy(header + 8, &kVersion, 4);
  std::memcpy(header + 12, &size, 8);
  std::memcpy(header + 20, digest.data(), digest.size());
  return bytes;
}

Result<Program> deserialize(std::span<const uint8_t> bytes) {
  if (bytes.size() < kHeaderBytes)
    return badInput("program: " + std::to_string(bytes.size()) + " bytes, the header alone has " +
                    std::to_string(kHeaderBytes));
  if (std::memcmp(bytes.data(), kMagic, sizeof(kMagic)) != 0)
    return badInput("program: does not begin with ROSSOPRG");
  uint32_t version;
  uint64_t size;
  Sha256::Digest digest;
  std::memcpy(&version, bytes.data() + 8, 4);
  std::memcpy(&size, bytes.data() + 12, 8);
  std::memcpy(digest.data(), bytes.data() + 20, digest.size());
  if (version != kVersion)
    return badInput("program: version " + std::to_string(version) + ", this build reads " +
                    std::to_string(kVersion) + "; compile it again");
  auto payload = bytes.subspan(kHeaderBytes);
  if (size != payload.size())
    return badInput("program: " + std::to_string(payload.size()) +
                    " bytes of payload, header says " + std::to_string(size));
  if (Sha256::of(payload) != digest)
    return badInput("program: checksum does not match; the file is damaged");

  Program program;
  Reader read(payload);
  fields(read, program);
  if (!read.atEnd())
    return badInput("program: payload is not well formed");
  return program;
}

uint64_t itemCount(const Launch &launch, const VarValues &values) {
  uint64_t items = 1;
  for (const GridDim &dim : launch.grid) {
    const int64_t extent = std::max<int64_t>(dim.extent.eval(values), 0);
    items *= static_cast<uint64_t>((extent + dim.tile - 1) / dim.tile);
  }
  return items;
}

} // namespace rosso

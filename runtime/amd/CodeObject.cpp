#include "runtime/amd/CodeObject.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace rosso::amd {
namespace {

constexpr uint64_t kMostImageBytes = uint64_t{1} << 28;
constexpr uint64_t kMostGap = uint64_t{1} << 20; // of addresses ahead of offsets in the file
constexpr uint64_t kPage = 4096;
constexpr uint64_t kFetchAhead = 256; // bytes that must be mapped behind the last instruction
constexpr uint64_t kDescriptorBytes = 64, kEntryAlign = 256;

// ELF64, little endian. Only what we read; names as in the System V ABI.
struct Ehdr {
  uint8_t ident[16];
  uint16_t type, machine;
  uint32_t version;
  uint64_t entry, phoff, shoff;
  uint32_t flags;
  uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
static_assert(sizeof(Ehdr) == 64);
struct Phdr {
  uint32_t type, flags;
  uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
static_assert(sizeof(Phdr) == 56);
struct Shdr {
  uint32_t name, type;
  uint64_t flags, addr, offset, size;
  uint32_t link, info;
  uint64_t addralign, entsize;
};
static_assert(sizeof(Shdr) == 64);
struct Sym {
  uint32_t name;
  uint8_t info, other;
  uint16_t shndx;
  uint64_t value, size;
};
static_assert(sizeof(Sym) == 24);
struct Rela {
  uint64_t offset, info;
  int64_t addend;
};
static_assert(sizeof(Rela) == 24);

constexpr uint16_t kEtDyn = 3, kEmAmdgpu = 224;
constexpr uint8_t kOsabiAmdgpuHsa = 64, kAbiV4 = 2, kAbiV6 = 4;
constexpr uint32_t kPtLoad = 1, kPfExecute = 1;
constexpr uint32_t kShtRela = 4, kShtDynsym = 11;
constexpr uint64_t kShfAlloc = 2;
constexpr uint16_t kShnUndef = 0, kShnAbs = 0xfff1;
constexpr uint32_t kAbs64 = 3, kRelative64 = 13;

/// Chips that code objects may name and that we have no row for. LLVM, "ELF Header Flags".
std::string chipName(uint8_t machine) {
  for (const Chip &chip : chips())
    if (chip.elfMachine == machine)
      return std::string(chip.name);
  constexpr std::pair<uint8_t, const char *> kOthers[] = {
      {0x2c, "gfx900"},  {0x2f, "gfx906"},  {0x30, "gfx908"},  {0x3f, "gfx90a"},  {0x4c, "gfx942"},
      {0x4f, "gfx950"},  {0x33, "gfx1010"}, {0x34, "gfx1011"}, {0x35, "gfx1012"}, {0x37, "gfx1031"},
      {0x38, "gfx1032"}, {0x44, "gfx1103"}, {0x55, "gfx1152"}, {0x58, "gfx1153"}};
  for (const auto &[number, name] : kOthers)
    if (number == machine)
      return name;
  char text[32];
  std::snprintf(text, sizeof(text), "machine 0x%02x", machine);
  return text;
}

Error malformed(const std::string &what) { return badInput("code object: " + what); }

template <typename T> std::optional<T> readAt(std::span<const uint8_t> bytes, uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T))
    return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

/// [offset, offset + size) of the bytes, or nothing where they end before.
std::optional<std::span<const uint8_t>> slice(std::span<const uint8_t> bytes, uint64_t offset,
                                              uint64_t size) {
  if (offset > bytes.size() || bytes.size() - offset < size)
    return std::nullopt;
  return bytes.subspan(offset, size);
}

template <typename T>
Result<std::vector<T>> table(std::span<const uint8_t> elf, uint64_t offset, uint64_t count,
                             const char *what) {
  std::vector<T> entries;
  const auto bytes = slice(elf, offset, count * sizeof(T)); // count < 2^32: no overflow
  if (!bytes)
    return malformed(std::string(what) + " lie outside the file");
  entries.resize(count);
  if (count)
    std::memcpy(entries.data(), bytes->data(), bytes->size());
  return entries;
}

Result<Ehdr> readHeader(std::span<const uint8_t> elf, const Chip &chip) {
  const auto header = readAt<Ehdr>(elf, 0);
  if (!header || std::memcmp(header->ident,
                             "\x7f"
                             "ELF",
                             4) != 0)
    return malformed("not an ELF file");
  if (header->ident[4] != 2 || header->ident[5] != 1)
    return malformed("not of 64 bits, little endian");
  if (header->machine != kEmAmdgpu || header->ident[7] != kOsabiAmdgpuHsa)
    return malformed("for machine " + std::to_string(header->machine) + ", OS " +
                     std::to_string(header->ident[7]) + "; wanted AMDGPU (224), HSA (64)");
  if (header->ident[8] < kAbiV4 || header->ident[8] > kAbiV6)
    return malformed("ABI version " + std::to_string(header->ident[8]) +
                     "; wanted code object version 4, 5 or 6");
  if (header->type != kEtDyn)
    return malformed("not linked (ELF type " + std::to_string(header->type) +
                     "); link it with ld.lld -shared");
  const auto machine = static_cast<uint8_t>(header->flags & 0xff);
  if (machine != chip.elfMachine)
    return malformed("compiled for " + chipName(machine) + ", this GPU is " +
                     std::string(chip.name) + "; compile it for this chip");
  if (header->phentsize != sizeof(Phdr) || header->shentsize != sizeof(Shdr))
    return malformed("header entries of " + std::to_string(header->phentsize) + " and " +
                     std::to_string(header->shentsize) + " bytes; wanted 56 and 64");
  return *header;
}

/// The dynamic symbols: name, and where in the image.
class Symbols {
public:
  static Result<Symbols> read(std::span<const uint8_t> elf, std::span<const Shdr> sections) {
    Symbols symbols;
    for (const Shdr &section : sections) {
      if (section.type != kShtDynsym)
        continue;
      ROSSO_TRY(symbols.entries_,
                table<Sym>(elf, section.offset, std::min<uint64_t>(section.size / sizeof(Sym), ~0u),
                           "symbols"));
      if (section.link >= sections.size())
        return malformed("symbols without names");
      const auto names = slice(elf, sections[section.link].offset, sections[section.link].size);
      if (!names)
        return malformed("names of symbols lie outside the file");
      symbols.names_ = {reinterpret_cast<const char *>(names->data()), names->size()};
      return symbols;
    }
    return malformed("no table of dynamic symbols");
  }

  const std::vector<Sym> &entries() const { return entries_; }
  std::string_view nameOf(const Sym &symbol) const {
    if (symbol.name >= names_.size())
      return {};
    const std::string_view rest = names_.substr(symbol.name);
    return rest.substr(0, rest.find('\0'));
  }

private:
  std::vector<Sym> entries_;
  std::string_view names_;
};

Result<KernelCode> readKernel(std::string_view name, std::span<const uint8_t> image,
                              uint64_t descriptor, std::span<const Phdr> segments) {
  auto broken = [&](const std::string &what) {
    return malformed("kernel " + std::string(name) + ": " + what);
  };
  const auto bytes = slice(image, descriptor, kDescriptorBytes);
  if (!bytes || descriptor % kDescriptorBytes != 0)
    return broken("descriptor outside the image or not aligned to 64 bytes");
  auto word = [&](uint64_t offset) { return *readAt<uint32_t>(*bytes, offset); };
  const bool zeros = word(12) == 0 && word(60) == 0 &&
                     std::ranges::all_of(bytes->subspan(24, 20), [](uint8_t b) { return b == 0; });
  if (!zeros)
    return broken("reserved bytes of the descriptor are not zero");
  KernelCode kernel{.name = std::string(name),
                    .entry = descriptor + *readAt<uint64_t>(*bytes, 16), // signed: wraps as it must
                    .bytes = 0,
                    .ldsBytes = word(0),
                    .privateBytes = word(4),
                    .kernargBytes = word(8),
                    .rsrc1 = word(48),
                    .rsrc2 = word(52),
                    .rsrc3 = word(44),
                    .properties = *readAt<uint16_t>(*bytes, 56)};
  if (*readAt<uint16_t>(*bytes, 58) != 0)
    return broken("wants preloaded arguments, which these chips cannot");
  const auto holds = [&](const Phdr &segment) {
    return segment.type == kPtLoad && (segment.flags & kPfExecute) &&
           kernel.entry >= segment.vaddr && kernel.entry - segment.vaddr < segment.filesz;
  };
  const auto segment = std::ranges::find_if(segments, holds);
  if (segment == segments.end() || kernel.entry % kEntryAlign != 0)
    return broken("its code is not in an executable segment or not aligned to 256 bytes");
  kernel.bytes =
      segment->vaddr + segment->filesz - kernel.entry; // at most; the symbol knows better
  return kernel;
}

} // namespace

Result<CodeObject> CodeObject::parse(std::span<const uint8_t> elf, const Chip &chip) {
  ROSSO_TRY(const Ehdr header, readHeader(elf, chip));
  ROSSO_TRY(const std::vector<Phdr> segments,
            table<Phdr>(elf, header.phoff, header.phnum, "segments"));
  ROSSO_TRY(const std::vector<Shdr> sections,
            table<Shdr>(elf, header.shoff, header.shnum, "sections"));

  CodeObject object;
  uint64_t end = 0;
  for (const Phdr &segment : segments) {
    if (segment.type != kPtLoad)
      continue;
    if (segment.vaddr > kMostImageBytes || segment.memsz > kMostImageBytes ||
        segment.filesz > segment.memsz || segment.vaddr > elf.size() + kMostGap)
      return malformed("segment of " + std::to_string(segment.memsz) + " bytes at " +
                       std::to_string(segment.vaddr));
    const auto bytes = slice(elf, segment.offset, segment.filesz);
    if (!bytes)
      return malformed("segment lies outside the file");
    end = std::max(end, segment.vaddr + segment.memsz);
    if (object.image_.size() < segment.vaddr + segment.filesz)
      object.image_.resize(segment.vaddr + segment.filesz);
    std::ranges::copy(*bytes, object.image_.begin() + static_cast<ptrdiff_t>(segment.vaddr));
  }
  object.imageBytes_ = (end + kFetchAhead + kPage - 1) / kPage * kPage;

  ROSSO_TRY(const Symbols symbols, Symbols::read(elf, sections));
  for (const Sym &symbol : symbols.entries()) {
    std::string_view name = symbols.nameOf(symbol);
    if (!name.ends_with(".kd") || symbol.shndx == kShnUndef)
      continue;
    name.remove_suffix(3);
    ROSSO_TRY(KernelCode kernel, readKernel(name, object.image_, symbol.value, segments));
    for (const Sym &code : symbols.entries())
      if (code.value == kernel.entry && code.size && symbols.nameOf(code) == name)
        kernel.bytes = std::min(kernel.bytes, code.size);
    object.kernels_.push_back(std::move(kernel));
  }
  std::ranges::sort(object.kernels_, {}, &KernelCode::name);

  for (const Shdr &section : sections) {
    if (section.type != kShtRela || !(section.flags & kShfAlloc))
      continue;
    ROSSO_TRY(const std::vector<Rela> entries,
              table<Rela>(elf, section.offset, std::min<uint64_t>(section.size / sizeof(Rela), ~0u),
                          "relocations"));
    for (const Rela &entry : entries) {
      const auto type = static_cast<uint32_t>(entry.info);
      const uint64_t index = entry.info >> 32;
      Relocation relocation{.offset = entry.offset, .value = static_cast<uint64_t>(entry.addend)};
      if (type == kAbs64) {
        const bool known = index < symbols.entries().size();
        if (!known || symbols.entries()[index].shndx == kShnUndef ||
            symbols.entries()[index].shndx == kShnAbs)
          return malformed("relocation against a symbol that is not defined here: " +
                           std::string(known ? symbols.nameOf(symbols.entries()[index]) : "?"));
        relocation.value += symbols.entries()[index].value;
      } else if (type != kRelative64) {
        return malformed("relocation of type " + std::to_string(type) +
                         "; wanted ABS64 (3) or RELATIVE64 (13)");
      }
      if (end < 8 || relocation.offset > end - 8)
        return malformed("relocation outside the image");
      object.relocations_.push_back(relocation);
    }
  }
  return object;
}

const KernelCode *CodeObject::find(std::string_view kernel) const {
  const auto found = std::ranges::lower_bound(kernels_, kernel, {}, &KernelCode::name);
  return found != kernels_.end() && found->name == kernel ? &*found : nullptr;
}

std::vector<uint8_t> CodeObject::image(uint64_t address) const {
  std::vector<uint8_t> image = image_;
  image.resize(imageBytes_);
  for (const Relocation &relocation : relocations_) {
    const uint64_t value = address + relocation.value;
    std::memcpy(image.data() + relocation.offset, &value, sizeof(value));
  }
  return image;
}

} // namespace rosso::amd

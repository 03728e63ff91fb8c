#include "runtime/emulator/decode/Text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace rosso::emulator {
namespace {

using std::string_view;

bool eat(string_view &text, string_view prefix) {
  if (!text.starts_with(prefix))
    return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool eatEnd(string_view &text, string_view suffix) {
  if (!text.ends_with(suffix))
    return false;
  text.remove_suffix(suffix.size());
  return true;
}

string_view trimmed(string_view text) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ')
    text.remove_suffix(1);
  return text;
}

/// Decimal or 0x..., with or without a sign.
std::optional<int64_t> parseNumber(string_view text) {
  const bool negative = eat(text, "-");
  const int base = eat(text, "0x") ? 16 : 10;
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return std::nullopt;
  return negative ? -static_cast<int64_t>(value) : static_cast<int64_t>(value);
}

/// "[1,0,3]" -> numbers.
std::optional<std::vector<uint32_t>> parseList(string_view text) {
  if (!eat(text, "[") || !eatEnd(text, "]"))
    return std::nullopt;
  std::vector<uint32_t> numbers;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    auto number = parseNumber(trimmed(text.substr(0, comma)));
    if (!number)
      return std::nullopt;
    numbers.push_back(static_cast<uint32_t>(*number));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return numbers;
}

/// Splits at `separator` outside of brackets.
std::vector<string_view> split(string_view text, char separator) {
  std::vector<string_view> parts;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == separator && depth == 0)) {
      if (auto part = trimmed(text.substr(begin, i - begin)); !part.empty())
        parts.push_back(part);
      begin = i + 1;
    } else {
      depth += (text[i] == '[' || text[i] == '(') - (text[i] == ']' || text[i] == ')');
    }
  }
  return parts;
}

struct NamedRegister {
  string_view name;
  OperandKind kind;
  uint16_t index;
  uint8_t dwords;
};
constexpr NamedRegister kNamed[] = {
    {"vcc_lo", OperandKind::Sgpr, kVccLo, 1},
    {"vcc_hi", OperandKind::Sgpr, kVccHi, 1},
    {"vcc", OperandKind::Sgpr, kVccLo, 2},
    {"exec_lo", OperandKind::Sgpr, kExecLo, 1},
    {"exec_hi", OperandKind::Sgpr, kExecHi, 1},
    {"exec", OperandKind::Sgpr, kExecLo, 2},
    {"m0", OperandKind::Sgpr, kM0, 1},
    {"null", OperandKind::Sgpr, kNull, 1},
    {"scc", OperandKind::Special, kScc, 1},
    {"src_scc", OperandKind::Special, kScc, 1},
    {"src_vccz", OperandKind::Special, kVccz, 1},
    {"src_execz", OperandKind::Special, kExecz, 1},
    {"src_shared_base", OperandKind::Special, kSharedBase, 2},
    {"src_shared_limit", OperandKind::Special, kSharedLimit, 2},
    {"src_private_base", OperandKind::Special, kPrivateBase, 2},
    {"src_private_limit", OperandKind::Special, kPrivateLimit, 2},
};

constexpr string_view kInlineFloats[] = {"0.5",  "-0.5", "1.0",  "-1.0",      "2.0",
                                         "-2.0", "4.0",  "-4.0", "0.15915494"};

/// "v4", "v[4:7]", "s3", "ttmp[8:9]", "v1.h"
bool parseNumbered(string_view text, Operand &operand) {
  uint16_t base = 0;
  if (eat(text, "ttmp")) {
    operand.kind = OperandKind::Sgpr;
    base = kTtmp0;
  } else if (eat(text, "s")) {
    operand.kind = OperandKind::Sgpr;
  } else if (eat(text, "v")) {
    operand.kind = OperandKind::Vgpr;
    if (eatEnd(text, ".l"))
      operand.isHalf = true;
    else if (eatEnd(text, ".h"))
      operand.isHalf = operand.high = true;
  } else {
    return false;
  }
  std::optional<int64_t> first, last;
  if (eat(text, "[")) {
    const size_t colon = text.find(':');
    if (!eatEnd(text, "]"))
      return false;
    first = parseNumber(text.substr(0, colon));
    last = colon == string_view::npos ? first : parseNumber(text.substr(colon + 1));
  } else {
    first = last = parseNumber(text);
  }
  if (!first || !last || *first < 0 || *last < *first || *last > 255 || *last - *first > 31)
    return false;
  operand.index = static_cast<uint16_t>(base + *first);
  operand.dwords = static_cast<uint8_t>(*last - *first + 1);
  return true;
}

} // namespace

Result<Operand> parseOperand(string_view text, uint32_t literal) {
  Operand operand;
  const string_view whole = text;
  if (eat(text, "sext(") && eatEnd(text, ")"))
    operand.sext = true;
  operand.neg =
      (eat(text, "neg(") && eatEnd(text, ")")) ||
      (text.size() > 1 && text[0] == '-' && !(text[1] >= '0' && text[1] <= '9') && eat(text, "-"));
  if ((text.starts_with("|") && eat(text, "|") && eatEnd(text, "|")) ||
      (text.starts_with("abs(") && eat(text, "abs(") && eatEnd(text, ")")))
    operand.abs = true;

  if (text == "off")
    return operand;
  for (const NamedRegister &named : kNamed)
    if (text == named.name) {
      operand.kind = named.kind;
      operand.index = named.index;
      operand.dwords = named.dwords;
      return operand;
    }
  if (parseNumbered(text, operand))
    return operand;
  if (text.starts_with("lit(") || text.starts_with("0x")) {
    operand.kind = OperandKind::Literal;
    operand.value = literal;
    operand.value64 = literal;
    return operand;
  }
  for (size_t i = 0; i < std::size(kInlineFloats); ++i)
    if (text == kInlineFloats[i] || (i == 8 && text.starts_with(kInlineFloats[i]))) {
      operand.kind = OperandKind::InlineFloat;
      operand.index = static_cast<uint16_t>(240 + i);
      return operand;
    }
  if (auto number = parseNumber(text); number && *number >= -16 && *number <= 64) {
    operand.kind = OperandKind::InlineInt;
    operand.value = static_cast<uint32_t>(*number);
    operand.value64 = static_cast<uint64_t>(*number);
    return operand;
  }
  return unsupported("operand '" + std::string(whole) + "' is not understood");
}

namespace {

struct DppName {
  string_view prefix;
  DppControl control;
};
constexpr DppName kDppNames[] = {
    {"row_shl:", DppControl::RowShl},     {"row_shr:", DppControl::RowShr},
    {"row_ror:", DppControl::RowRor},     {"row_share:", DppControl::RowShare},
    {"row_xmask:", DppControl::RowXmask},
};

struct Flag {
  string_view name;
  bool Modifiers::*field;
};
constexpr Flag kFlags[] = {
    {"clamp", &Modifiers::clamp}, {"glc", &Modifiers::glc},     {"slc", &Modifiers::slc},
    {"dlc", &Modifiers::dlc},     {"offen", &Modifiers::offen}, {"idxen", &Modifiers::idxen},
    {"tfe", &Modifiers::tfe},     {"gds", &Modifiers::gds},     {"lds", &Modifiers::lds}};

/// Prefixes of what LLVM prints but bits tell better, or what has no meaning for an emulator.
constexpr string_view kIgnored[] = {
    "op_sel:", "op_sel_hi:",      "neg_lo:",        "neg_hi:",
    "th:",     "scope:",          "wait_exp:",      "wait_vdst:",
    "nv",      "offset:swizzle(", "matrix_a_reuse", "matrix_b_reuse"};

constexpr string_view kParts[] = {"BYTE_0", "BYTE_1", "BYTE_2", "BYTE_3",
                                  "WORD_0", "WORD_1", "DWORD"};
constexpr string_view kUnused[] = {"UNUSED_PAD", "UNUSED_SEXT", "UNUSED_PRESERVE"};

/// Which of `names` it is, as the enum that lists them in the same order.
template <typename Enum, size_t kCount>
bool parseName(string_view text, const string_view (&names)[kCount], Enum &value) {
  const auto found = std::find(std::begin(names), std::end(names), text);
  value = static_cast<Enum>(found - std::begin(names));
  return found != std::end(names);
}

/// "src0_sel:BYTE_1" and its like.
bool parseSdwa(string_view text, Modifiers &modifiers) {
  return (eat(text, "dst_sel:") && parseName(text, kParts, modifiers.destinationPart)) ||
         (eat(text, "src0_sel:") && parseName(text, kParts, modifiers.sourcePart[0])) ||
         (eat(text, "src1_sel:") && parseName(text, kParts, modifiers.sourcePart[1])) ||
         (eat(text, "dst_unused:") && parseName(text, kUnused, modifiers.unused));
}

bool parseModifier(string_view text, Modifiers &modifiers) {
  if (parseSdwa(text, modifiers))
    return true;
  for (const Flag &flag : kFlags)
    if (text == flag.name) {
      modifiers.*flag.field = true;
      return true;
    }
  for (string_view ignored : kIgnored)
    if (text.starts_with(ignored))
      return true;
  for (const DppName &name : kDppNames)
    if (string_view rest = text; eat(rest, name.prefix)) {
      auto value = parseNumber(rest);
      modifiers.dpp = name.control;
      modifiers.dppValue = static_cast<uint32_t>(value.value_or(0));
      return value.has_value();
    }
  if (text == "row_mirror" || text == "row_half_mirror") {
    modifiers.dpp = text == "row_mirror" ? DppControl::RowMirror : DppControl::RowHalfMirror;
    return true;
  }
  const bool quad = eat(text, "quad_perm:");
  if (quad || eat(text, "dpp8:")) {
    auto lanes = parseList(text);
    if (!lanes || lanes->size() != (quad ? 4u : 8u))
      return false;
    modifiers.dpp = quad ? DppControl::QuadPerm : DppControl::Dpp8;
    for (size_t i = 0; i < lanes->size(); ++i)
      modifiers.dppValue |= (*lanes)[i] << ((quad ? 2 : 3) * i);
    return true;
  }
  const size_t colon = text.find(':');
  if (colon == string_view::npos)
    return false;
  const string_view name = text.substr(0, colon);
  auto number = parseNumber(text.substr(colon + 1));
  if (!number)
    return false;
  if (name == "mul")
    modifiers.omod = *number == 2 ? 1 : 2;
  else if (name == "div")
    modifiers.omod = 3;
  else if (name == "row_mask")
    modifiers.rowMask = static_cast<uint8_t>(*number);
  else if (name == "bank_mask")
    modifiers.bankMask = static_cast<uint8_t>(*number);
  else if (name == "bound_ctrl")
    modifiers.boundCtrl = true; // old assemblers wrote :0 for the same bit
  else if (name == "fi")
    modifiers.fetchInactive = *number != 0;
  else if (name == "offset")
    modifiers.offset = static_cast<int32_t>(*number);
  else if (name == "offset0")
    modifiers.offset0 = static_cast<uint8_t>(*number);
  else if (name == "offset1")
    modifiers.offset1 = static_cast<uint8_t>(*number);
  else
    return false;
  return true;
}

Encoding encodingOf(uint32_t word, string_view name) {
  if (name.starts_with("ds_"))
    return Encoding::Ds;
  if (name.starts_with("global_"))
    return Encoding::Global;
  if (name.starts_with("flat_"))
    return Encoding::Flat;
  if (name.starts_with("scratch_"))
    return Encoding::Scratch;
  if (name.starts_with("buffer_"))
    return Encoding::Buffer;
  switch (word >> 26) {
  case 0b110010:
    return Encoding::Vopd;
  case 0b110011:
    return (word >> 24 & 3) == 0 ? Encoding::Vop3p : Encoding::Other;
  case 0b110101:
    return Encoding::Vop3;
  case 0b111101:
    return Encoding::Smem;
  default:
    break;
  }
  if (word >> 31 == 0)
    return word >> 25 == 0x3F   ? Encoding::Vop1
           : word >> 25 == 0x3E ? Encoding::Vopc
                                : Encoding::Vop2;
  if (word >> 30 != 2)
    return Encoding::Other;
  switch (word >> 23) {
  case 0x17D:
    return Encoding::Sop1;
  case 0x17E:
    return Encoding::Sopc;
  case 0x17F:
    return Encoding::Sopp;
  default:
    return word >> 28 == 0xB ? Encoding::Sopk : Encoding::Sop2;
  }
}

/// VOP3P's packed bits; VOP3's op_sel. The same places on gfx10 to gfx12.
void readSelectBits(Instruction &instruction, std::span<const uint32_t> dwords) {
  Modifiers &modifiers = instruction.modifiers;
  const uint32_t low = dwords[0];
  if (instruction.encoding == Encoding::Vop3) {
    modifiers.opSel = low >> 11 & 15;
  } else if (instruction.encoding == Encoding::Vop3p && dwords.size() > 1) {
    modifiers.opSel = low >> 11 & 7;
    modifiers.opSelHi = static_cast<uint8_t>((dwords[1] >> 27 & 3) | (low >> 14 & 1) << 2);
    modifiers.negHi = low >> 8 & 7;
    modifiers.negLo = dwords[1] >> 29 & 7;
  }
}

/// gfx12: th and scope. VGLOBAL, VFLAT, VSCRATCH and VBUFFER have them in their second dword, SMEM
/// in its first.
void readCacheBits(Instruction &instruction, std::span<const uint32_t> dwords) {
  Modifiers &modifiers = instruction.modifiers;
  if (instruction.encoding == Encoding::Smem) {
    modifiers.scope = dwords[0] >> 21 & 3;
    modifiers.temporal = dwords[0] >> 23 & 3;
  } else if (dwords.size() > 1) {
    modifiers.scope = dwords[1] >> 18 & 3;
    modifiers.temporal = dwords[1] >> 20 & 7;
  }
}

bool isMemory(Encoding encoding) {
  return encoding == Encoding::Ds || encoding == Encoding::Global || encoding == Encoding::Flat ||
         encoding == Encoding::Scratch || encoding == Encoding::Buffer;
}

string_view withoutSuffix(string_view name) {
  for (string_view suffix : {"_e64_dpp", "_dpp", "_e64", "_e32", "_sdwa"})
    if (eatEnd(name, suffix))
      break;
  return name;
}

Status parseOperands(Instruction &instruction, string_view text, uint32_t literal) {
  std::vector<string_view> pieces = split(text, ',');
  const bool smem = instruction.encoding == Encoding::Smem;
  for (size_t i = 0; i < pieces.size(); ++i) {
    std::vector<string_view> words = split(pieces[i], ' ');
    for (size_t w = 0; w < words.size(); ++w) {
      if (w > 0 || (i + 1 == pieces.size() && parseModifier(words[w], instruction.modifiers))) {
        if (w > 0 && !parseModifier(words[w], instruction.modifiers))
          return unsupported("modifier '" + std::string(words[w]) + "' is not understood");
        continue;
      }
      if (smem && i > 0)
        if (auto number = parseNumber(words[w])) {
          Operand offset;
          offset.kind = OperandKind::Immediate;
          offset.value = static_cast<uint32_t>(*number);
          offset.value64 = static_cast<uint64_t>(*number);
          instruction.operands.push_back(offset);
          continue;
        }
      ROSSO_TRY(Operand operand, parseOperand(words[w], literal));
      instruction.operands.push_back(operand);
    }
  }
  return {};
}

/// SOPK: registers from the text, the field from its bits.
Status parseSopk(Instruction &instruction, string_view text, uint32_t literal) {
  Operand immediate;
  immediate.kind = OperandKind::Immediate;
  const string_view name = instruction.name;
  const bool isUnsigned = name.ends_with("_u32") || name.starts_with("s_getreg") ||
                          name.starts_with("s_setreg") || name.starts_with("s_waitcnt");
  immediate.value = isUnsigned ? instruction.simm16
                               : static_cast<uint32_t>(static_cast<int16_t>(instruction.simm16));
  immediate.value64 = immediate.value;
  for (string_view piece : split(text, ',')) {
    auto operand = parseOperand(piece, literal);
    const bool isLiteral = name.starts_with("s_setreg_imm32") && !piece.starts_with("hwreg");
    if (isLiteral) { // printed as any number
      Operand value;
      value.kind = OperandKind::Literal;
      value.value = literal;
      value.value64 = literal;
      instruction.operands.push_back(value);
    } else {
      instruction.operands.push_back(operand && operand->isRegister() ? *operand : immediate);
    }
  }
  return {};
}

Status parseOne(Instruction &instruction, string_view text, std::span<const uint32_t> dwords,
                amd::Isa isa) {
  const uint32_t literal = dwords.back();
  const size_t space = std::min(text.find(' '), text.size());
  const string_view mnemonic = text.substr(0, space);
  const string_view rest = trimmed(text.substr(space));
  instruction.name = withoutSuffix(mnemonic);
  instruction.modifiers.sdwa = mnemonic.ends_with("_sdwa");
  if (instruction.name.starts_with("v_dual_"))
    instruction.name = "v_" + instruction.name.substr(7);
  if (instruction.encoding != Encoding::Vopd)
    instruction.encoding = encodingOf(dwords[0], instruction.name);
  switch (instruction.encoding) {
  case Encoding::Sopp:
  case Encoding::Sopk:
    instruction.simm16 = static_cast<uint16_t>(dwords[0]);
    instruction.branchTarget =
        instruction.address + 4 + 4 * static_cast<int64_t>(static_cast<int16_t>(dwords[0]));
    return instruction.encoding == Encoding::Sopp ? Status()
                                                  : parseSopk(instruction, rest, literal);
  case Encoding::Sop1: // s_sendmsg_rtn and s_barrier_signal: a number with a name
    if (instruction.name.starts_with("s_sendmsg_rtn") ||
        instruction.name.starts_with("s_barrier_")) {
      const bool isMessage = instruction.name.starts_with("s_sendmsg_rtn");
      Operand immediate;
      immediate.kind = OperandKind::Immediate;
      immediate.value = dwords[0] & 0xFF; // of a message: its number
      if (!isMessage && immediate.value >= 128 && immediate.value <= 192)
        immediate.value -= 128; // inline constants 0..64
      else if (!isMessage && immediate.value > 192 && immediate.value <= 208)
        immediate.value = 192 - immediate.value;
      else if (immediate.value == 255)
        immediate.value = literal;
      immediate.value64 = immediate.value;
      if (isMessage)
        ROSSO_CHECK(parseOperands(instruction, rest.substr(0, rest.find(',')), literal));
      instruction.operands.push_back(immediate);
      return {};
    }
    break;
  default:
    break;
  }
  ROSSO_CHECK(parseOperands(instruction, rest, literal));
  readSelectBits(instruction, dwords);
  if (isa == amd::Isa::Gfx12 &&
      (isMemory(instruction.encoding) || instruction.encoding == Encoding::Smem))
    readCacheBits(instruction, dwords);
  // Offsets of swizzles are printed in words; every DS offset is 16 bits in the first dword.
  if (instruction.encoding == Encoding::Ds && instruction.name.find("2addr") == std::string::npos &&
      instruction.name.find("read2") == std::string::npos &&
      instruction.name.find("write2") == std::string::npos)
    instruction.modifiers.offset = static_cast<int32_t>(dwords[0] & 0xFFFF);
  return {};
}

} // namespace

Status parseText(Instruction &instruction, std::span<const uint32_t> dwords, amd::Isa isa) {
  string_view text = instruction.text;
  const size_t half = text.find(" :: ");
  if (half == string_view::npos)
    return parseOne(instruction, text, dwords, isa);
  instruction.encoding = Encoding::Vopd;
  instruction.second = std::make_unique<Instruction>();
  Instruction &second = *instruction.second;
  second.address = instruction.address;
  second.encoding = Encoding::Vopd;
  second.text = text.substr(half + 4);
  ROSSO_CHECK(parseOne(second, second.text, dwords, isa));
  return parseOne(instruction, trimmed(text.substr(0, half)), dwords, isa);
}

} // namespace rosso::emulator

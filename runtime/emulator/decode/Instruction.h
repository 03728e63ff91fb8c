// One machine instruction, taken apart: what LLVM's disassembler says about it, as plain data.
// Nobody behind this header sees LLVM, and nobody looks at bits again.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace rosso::emulator {

enum class Encoding : uint8_t {
  Sop1,
  Sop2,
  Sopc,
  Sopk,
  Sopp,
  Smem,
  Vop1,
  Vop2,
  Vopc,
  Vop3, // every _e64, also of an instruction that has a short form; see `name`
  Vop3p,
  Vopd, // two instructions: this one and `second`
  Ds,
  Global,
  Flat,
  Scratch,
  Buffer,
  Other
};

/// Scalar registers keep their hardware numbers: s0..s105 are 0..105. On gfx10, which has null and
/// m0 the other way round, they are renumbered to these.
inline constexpr uint16_t kVccLo = 106, kVccHi = 107, kTtmp0 = 108, kNull = 124, kM0 = 125,
                          kExecLo = 126, kExecHi = 127;
/// Values that are read like scalar registers but are none.
inline constexpr uint16_t kSharedBase = 235, kSharedLimit = 236, kPrivateBase = 237,
                          kPrivateLimit = 238, kVccz = 251, kExecz = 252, kScc = 253;

enum class OperandKind : uint8_t {
  None,        // "off"
  Vgpr,        // index: 0..255
  Sgpr,        // index: as above, 0..127: s, ttmp, vcc, null, m0, exec
  Special,     // index: one of kSharedBase .. kScc; read only
  InlineInt,   // value: -16..64, sign extended to 32 bits; 64-bit operands extend it further
  InlineFloat, // index: 240..248 = 0.5 -0.5 1.0 -1.0 2.0 -2.0 4.0 -4.0 1/(2 pi), in the type of
               // the operand
  Literal,     // value: the 32 bits in the instruction stream
  Immediate    // value: a field of the instruction that is no operand of arithmetic (SOPK, SOPP,
               // hwreg, sendmsg, SMEM's offset), sign extended if the field is signed
};

struct Operand {
  OperandKind kind = OperandKind::None;
  uint8_t dwords = 1; // registers: how many; v[4:7] has 4
  bool neg = false, abs = false;
  bool sext = false;
  bool isHalf = false, high = false; // v1.l, v1.h of gfx11's 16-bit registers
  uint16_t index = 0;
  uint32_t value = 0;
  uint64_t value64 = 0; // literals of 64 bits (gfx12.5), else value

  bool isRegister() const { return kind == OperandKind::Vgpr || kind == OperandKind::Sgpr; }
};

enum class DppControl : uint8_t {
  None,
  QuadPerm, // dppValue: four 2-bit lanes
  RowShl,   // dppValue: 1..15
  RowShr,
  RowRor,
  RowMirror,
  RowHalfMirror,
  RowShare, // dppValue: 0..15
  RowXmask,
  Dpp8 // dppValue: eight 3-bit lanes, the first in the lowest bits
};

/// SDWA of gfx10: which part of a register an operand is.
enum class Part : uint8_t { Byte0, Byte1, Byte2, Byte3, Word0, Word1, Dword };
enum class Unused : uint8_t { Pad, Sext, Preserve };

struct Modifiers {
  // SDWA: the destination, what becomes of the rest of its register, and the sources.
  bool sdwa = false;
  Part destinationPart = Part::Dword, sourcePart[2] = {Part::Dword, Part::Dword};
  Unused unused = Unused::Pad;

  bool clamp = false;
  int8_t omod = 0; // 0 none, 1 *2, 2 *4, 3 /2
  // VOP3: bit i is op_sel of source i, bit 3 that of the destination; where an operand says isHalf,
  // its `high` repeats its bit. VOP3P: bits of sources.
  uint8_t opSel = 0;
  uint8_t opSelHi = 0; // VOP3P; already with its default (all ones) if not printed
  uint8_t negLo = 0, negHi = 0;
  DppControl dpp = DppControl::None;
  uint32_t dppValue = 0;
  uint8_t rowMask = 0xF, bankMask = 0xF;
  bool boundCtrl = false; // out of the row reads 0 instead of keeping the destination
  bool fetchInactive = false;
  // Memory.
  int32_t offset = 0;                         // bytes, signed
  uint8_t offset0 = 0, offset1 = 0;           // ds_*_2addr: in elements
  bool glc = false, slc = false, dlc = false; // gfx10, gfx11
  uint8_t scope = 0, temporal = 0;            // gfx12: bits of the instruction
  bool offen = false, idxen = false, tfe = false, gds = false, lds = false;
};

/// A set of registers of one instruction: `dwords` from `index` on.
struct RegisterRange {
  bool vector = false;
  uint8_t dwords = 1;
  uint16_t index = 0;
};

struct Instruction {
  uint64_t address = 0;
  uint8_t bytes = 0;
  Encoding encoding = Encoding::Other;
  /// LLVM's mnemonic for this chip without the suffixes of encodings (_e32, _e64, _dpp, _e64_dpp,
  /// and dual_): "v_add_f32", "global_load_b128". Names differ between generations as in LLVM.
  std::string name;
  /// As printed, destinations first: `v_add_co_ci_u32 v0, vcc_lo, v1, v2, vcc_lo` has five, and
  /// VOPC in its short form names vcc_lo. Literals of fmaak and fmamk stand where they are printed.
  std::vector<Operand> operands;
  /// How many of `operands` are destinations.
  uint8_t destinations = 0;
  Modifiers modifiers;
  uint16_t simm16 = 0;                 // SOPP and SOPK: the field
  uint64_t branchTarget = 0;           // branches: absolute address
  std::unique_ptr<Instruction> second; // VOPD: the Y half
  std::string text;                    // as LLVM prints it
  /// What it reads and writes, implicit registers (vcc, exec, m0; SCC is kScc) included. Registers
  /// that are merely kept in part (DPP's old value, v_writelane) are not read.
  std::vector<RegisterRange> reads, writes;
  std::string problem; // why it cannot be executed, or empty
};

} // namespace rosso::emulator

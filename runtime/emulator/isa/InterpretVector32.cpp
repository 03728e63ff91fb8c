// The interpreter's instances of rows/Vector32.inc.
#include "runtime/emulator/isa/Interpreter.h"

namespace rosso::emulator {
namespace lanes::rows {
#include "runtime/emulator/isa/rows/AsTypes.h"
#include "runtime/emulator/isa/rows/Vector32.inc"
} // namespace lanes::rows

#include "runtime/emulator/isa/rows/AsList.h"
#define LIST_ROW(NAME) lanes::opOf<lanes::rows::NAME>(),
static constexpr AluOp kOps[] = {
#include "runtime/emulator/isa/rows/Vector32.inc"
};
std::span<const AluOp> vector32Ops() { return kOps; }

} // namespace rosso::emulator

// The interpreter's instances of rows/Scalar.inc.
#include "runtime/emulator/isa/Interpreter.h"

namespace rosso::emulator {
namespace lanes::rows {
#include "runtime/emulator/isa/rows/AsTypes.h"
#include "runtime/emulator/isa/rows/Scalar.inc"
} // namespace lanes::rows

#include "runtime/emulator/isa/rows/AsList.h"
#define LIST_ROW(NAME) lanes::opOf<lanes::rows::NAME>(),
static constexpr AluOp kOps[] = {
#include "runtime/emulator/isa/rows/Scalar.inc"
};
std::span<const AluOp> scalarOps() { return kOps; }

} // namespace rosso::emulator

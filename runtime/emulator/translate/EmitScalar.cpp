// The translator's instances of rows/Scalar.inc.
#include "runtime/emulator/translate/EmitRows.h"

namespace rosso::emulator {
namespace lanes::rows {
#include "runtime/emulator/isa/rows/AsTypes.h"
#include "runtime/emulator/isa/rows/Scalar.inc"
} // namespace lanes::rows

namespace translate {
#include "runtime/emulator/isa/rows/AsList.h"
#define LIST_ROW(NAME) {#NAME, emitRow<lanes::rows::NAME>},
static constexpr EmitRow kRows[] = {
#include "runtime/emulator/isa/rows/Scalar.inc"
};
std::span<const EmitRow> scalarRows() { return kRows; }
} // namespace translate

} // namespace rosso::emulator

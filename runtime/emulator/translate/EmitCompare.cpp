// The translator's instances of rows/Compare.inc.
#include "runtime/emulator/translate/EmitRows.h"

namespace rosso::emulator {
namespace lanes::rows {
#include "runtime/emulator/isa/rows/AsTypes.h"
#include "runtime/emulator/isa/rows/Compare.inc"
} // namespace lanes::rows

namespace translate {
#include "runtime/emulator/isa/rows/AsList.h"
#define LIST_ROW(NAME) {#NAME, emitRow<lanes::rows::NAME>},
static constexpr EmitRow kRows[] = {
#include "runtime/emulator/isa/rows/Compare.inc"
};
std::span<const EmitRow> compareRows() { return kRows; }
} // namespace translate

} // namespace rosso::emulator

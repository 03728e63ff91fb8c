// The translator's instances of rows/Vector16.inc.
#include "runtime/emulator/translate/EmitRows.h"

namespace rosso::emulator {
namespace lanes::rows {
#include "runtime/emulator/isa/rows/AsTypes.h"
#include "runtime/emulator/isa/rows/Vector16.inc"
} // namespace lanes::rows

namespace translate {
#include "runtime/emulator/isa/rows/AsList.h"
#define LIST_ROW(NAME) {#NAME, emitRow<lanes::rows::NAME>},
static constexpr EmitRow kRows[] = {
#include "runtime/emulator/isa/rows/Vector16.inc"
};
std::span<const EmitRow> vector16Rows() { return kRows; }
} // namespace translate

} // namespace rosso::emulator

// The translator's instances of rows/Vector64.inc.
#include "runtime/emulator/translate/EmitRows.h"

namespace rosso::emulator {
namespace lanes::rows {
#include "runtime/emulator/isa/rows/AsTypes.h"
#include "runtime/emulator/isa/rows/Vector64.inc"
} // namespace lanes::rows

namespace translate {
#include "runtime/emulator/isa/rows/AsList.h"
#define LIST_ROW(NAME) {#NAME, emitRow<lanes::rows::NAME>},
static constexpr EmitRow kRows[] = {
#include "runtime/emulator/isa/rows/Vector64.inc"
};
std::span<const EmitRow> vector64Rows() { return kRows; }
} // namespace translate

} // namespace rosso::emulator

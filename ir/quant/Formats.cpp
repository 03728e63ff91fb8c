#include "ir/quant/Formats.h"

namespace rosso {

const QuantFormat *findFormat(std::string_view name) {
  for (const QuantFormat *format : kStoredFormats)
    if (format->name == name)
      return format;
  return name == kQ8_A.name ? &kQ8_A : name == kQ8_S.name ? &kQ8_S : nullptr;
}

const QuantFormat *findFormatByGgufType(uint32_t type) {
  for (const QuantFormat *format : kStoredFormats)
    if (format->ggufType == type)
      return format;
  return nullptr;
}

} // namespace rosso

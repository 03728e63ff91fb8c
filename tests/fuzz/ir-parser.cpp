// IR text: whatever the bytes, the parser and the verifiers end in a module or a diagnostic, and a
// module that was read prints to text that reads and prints the same.
#include "ir/Rosso.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

#include <string>

namespace {

std::string print(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<rosso::RossoDialect, mlir::func::FuncDialect>();
  const mlir::ScopedDiagnosticHandler quiet(&context, [](mlir::Diagnostic &) {});

  // MLIR's lexer looks at the character behind the text, which every file buffer has.
  const std::string text(reinterpret_cast<const char *>(data), size);
  const auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    return 0;
  const std::string printed = print(*module);
  const auto again = mlir::parseSourceString<mlir::ModuleOp>(printed, &context);
  if (!again || print(*again) != printed)
    __builtin_trap();
  return 0;
}

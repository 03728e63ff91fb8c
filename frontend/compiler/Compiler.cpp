// The compiler's table of contents: graph -> IR -> passes -> code.
#include "codegen/Codegen.h"
#include "codegen/Trace.h"
#include "frontend/Compile.h"
#include "frontend/compiler/GraphToIr.h"
#include "ir/Shapes.h"
#include "passes/Passes.h"
#include "support/Interrupt.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"

namespace rosso {

namespace {

std::string textOf(mlir::Operation *op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  op->print(stream, mlir::OpPrintingFlags().useLocalScope());
  return text;
}

/// Shows the sink what every pass left of every entry.
class DumpPasses final : public mlir::PassInstrumentation {
public:
  explicit DumpPasses(const DumpSink &sink) : sink_(sink) {}

  void runAfterPass(mlir::Pass *pass, mlir::Operation *op) override {
    llvm::StringRef stage = pass->getArgument();
    if (stage.empty()) // the adaptor that runs passes on functions
      return;
    auto function = llvm::dyn_cast<mlir::func::FuncOp>(op);
    std::string name = function ? function.getName().str() : "";
    sink_({stage.data(), stage.size()}, name, textOf(op));
  }

private:
  const DumpSink &sink_;
};

/// The same with what each line is made of.
class ListPasses final : public mlir::PassInstrumentation {
public:
  explicit ListPasses(Listing &listing) : listing_(listing) {}

  void runAfterPass(mlir::Pass *pass, mlir::Operation *op) override {
    llvm::StringRef stage = pass->getArgument();
    if (stage.empty())
      return;
    auto function = llvm::dyn_cast<mlir::func::FuncOp>(op);
    listing_.stages.push_back({.stage = stage.str(),
                               .entry = function ? function.getName().str() : "",
                               .ir = traced(op)});
  }

private:
  Listing &listing_;
};

/// The first error that MLIR reports while this lives.
class FirstError {
public:
  explicit FirstError(mlir::MLIRContext &context)
      : handler_(&context, [this](mlir::Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error && message_.empty())
            message_ = diagnostic.str();
        }) {}

  Error error(ErrorCode code) const {
    return {code, message_.empty() ? "the compiler failed and did not say why" : message_};
  }

private:
  std::string message_;
  mlir::ScopedDiagnosticHandler handler_;
};

/// Says of all weights of plain numbers that they lie in rows, so that no pass gives them another
/// layout. Quantised ones are regrouped where they go.
void keepInRows(mlir::ModuleOp module) {
  const auto rows = mlir::StringAttr::get(module.getContext(), "rows");
  for (auto function : module.getOps<mlir::func::FuncOp>())
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (auto space = function.getArgAttrOfType<mlir::StringAttr>(i, kSpaceAttr);
          space && space.getValue() == "weight" &&
          !formatOf(mlir::getElementTypeOrSelf(function.getArgumentTypes()[i])))
        function.setArgAttr(i, kLayoutAttr, rows);
}

Result<Program> compileGraph(const Graph &graph, const CompileOptions &options) {
  if (options.dump)
    options.dump("graph", "", print(graph));

  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  FirstError errors(context);
  ROSSO_TRY(auto module, importGraph(context, graph));
  if (options.lentWeights)
    keepInRows(*module);
  if (options.dump)
    options.dump("ir", "", textOf(*module));
  if (options.listing)
    options.listing->stages.push_back({.stage = "ir", .entry = {}, .ir = traced(*module)});
  if (failed(mlir::verify(*module)))
    return errors.error(ErrorCode::BadInput);

  mlir::PassManager passes(&context);
  passes.enableVerifier(false); // the input was verified, and tests verify what passes make of it
  buildPipeline(passes, {.exact = options.exact, .gpu = options.target.starts_with("amdgpu:")});
  if (options.dump)
    passes.addInstrumentation(std::make_unique<DumpPasses>(options.dump));
  if (options.listing)
    passes.addInstrumentation(std::make_unique<ListPasses>(*options.listing));
  if (failed(passes.run(*module)))
    return errors.error(ErrorCode::Unsupported);

  return generate(*module,
                  {.target = options.target, .dump = options.dump, .listing = options.listing});
}

} // namespace

extern "C" __attribute__((visibility("default"))) void
rossoCompile(const Graph *graph, const CompileOptions *options, Result<Program> *program) {
  setInterruptCheck(options->interrupt); // this library's own
  *program = compileGraph(*graph, *options);
}

} // namespace rosso

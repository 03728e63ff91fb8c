// The patterns of a pass over functions, made once per context and applied until none matches.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace rosso {

class Rewrites {
public:
  /// For a pass's `initialize`.
  template <typename... Patterns> mlir::LogicalResult set(mlir::MLIRContext *context) {
    mlir::RewritePatternSet patterns(context);
    patterns.add<Patterns...>(context);
    patterns_ = std::move(patterns);
    return mlir::success();
  }

  mlir::LogicalResult apply(mlir::func::FuncOp function) const {
    mlir::GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(mlir::GreedySimplifyRegionLevel::Disabled);
    return mlir::applyPatternsGreedily(function, patterns_, config);
  }

private:
  mlir::FrozenRewritePatternSet patterns_;
};

} // namespace rosso

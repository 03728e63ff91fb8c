#include "codegen/templates/Transpose.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace rosso {

using namespace mlir;

/// Swaps element l of row i with element i of row l, for one bit of i and l after the other.
void transpose(Emit &e, Values &rows) {
  auto lanes = static_cast<int64_t>(rows.size());
  for (int64_t bit = lanes / 2; bit > 0; bit /= 2)
    for (int64_t i = 0; i < lanes; ++i) {
      if (i & bit)
        continue;
      Value &a = rows[static_cast<size_t>(i)], &b = rows[static_cast<size_t>(i + bit)];
      llvm::SmallVector<int64_t> low, high; // lanes of b count from `lanes`
      for (int64_t l = 0; l < lanes; ++l) {
        low.push_back(l & bit ? lanes + l - bit : l);
        high.push_back(l & bit ? lanes + l : l + bit);
      }
      Value swapped = vector::ShuffleOp::create(e.b, e.loc, a, b, low);
      b = vector::ShuffleOp::create(e.b, e.loc, a, b, high);
      a = swapped;
    }
}

} // namespace rosso

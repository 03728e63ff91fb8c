#include "codegen/templates/BlockPlan.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace rosso {

namespace {

constexpr int64_t kFirstCache = 32 << 10;  // bytes of it for a panel of the right operand
constexpr int64_t kMostRows = 256;         // of a block: with as many columns it fits the
constexpr int64_t kMostColumnBytes = 1024; // second-level cache, operands and sums
constexpr int64_t kItemOverhead = 400;     // cycles
// What tiles of one to four vectors took against the model, on a Zen 5.
constexpr double kSlowness[] = {1.2, 1, 1.15, 1};
constexpr double kLoadsPerCycle = 2, kProductsPerCycle = 2;
constexpr double kStoreCost = 5; // cycles for a vector of results

int64_t ceilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

double real(int64_t x) { return static_cast<double>(x); }

/// What a product costs when it is cut up as a plan says, in cycles.
class PlanCost {
public:
  PlanCost(const BlockProblem &p, const BlockPlan &b)
      : problem(p), plan(b), down(ceilDivide(p.rows, b.rows)), across(ceilDivide(p.width, b.width)),
        lastRows(p.rows - (down - 1) * b.rows), lastWidth(p.width - (across - 1) * b.width) {}

  /// Until all threads are done, times their number: of all threads, and a little of twice as many,
  /// as some of them may have other work to do.
  double ofAllThreads() const {
    if (problem.threads)
      return 0.9 * withThreads(problem.threads) + 0.1 * withThreads(2 * problem.threads);
    return (withThreads(1) + withThreads(2) + withThreads(4) + withThreads(8)) / 4;
  }

private:
  /// Of a work item of `rows` by `width`.
  double item(int64_t rows, int64_t width) const {
    int64_t tiles = ceilDivide(rows, plan.rowTile) * ceilDivide(width, plan.columnTile());
    double step = std::max(real(plan.rowTile * plan.vectorTile) / kProductsPerCycle,
                           real(plan.rowTile + plan.vectorTile) / kLoadsPerCycle);
    step = std::max(step, 4.0); // the latency of a sum
    step *= kSlowness[plan.vectorTile - 1];
    double blocks = real(ceilDivide(problem.length, plan.length));
    double turn = blocks * (real(plan.rowTile * plan.vectorTile) + 12); // sums in and out
    bool isBroken = plan.width % problem.rightPeriod != 0 && plan.width < problem.width;
    double rightCost = isBroken ? problem.rightBrokenCost : problem.rightCost;
    return kItemOverhead + real(tiles) * (step * real(problem.length) + turn) +
           real(rows * problem.length) * problem.leftCost +
           real(width * problem.length) * rightCost + real(rows * width / plan.lanes) * kStoreCost;
  }

  /// Of the first `count` items, in the order of matrices, rows and columns.
  double first(int64_t count) const {
    auto row = [&](int64_t rows, int64_t columns) {
      bool isWhole = columns == across;
      return real(columns - isWhole) * item(rows, plan.width) +
             (isWhole ? item(rows, lastWidth) : 0);
    };
    int64_t rest = count % (down * across), rows = rest / across;
    double matrix = real(down - 1) * row(plan.rows, across) + row(lastRows, across);
    return real(count / (down * across)) * matrix + real(rows) * row(plan.rows, across) +
           row(rows + 1 == down ? lastRows : plan.rows, rest % across);
  }

  double withThreads(int64_t threads) const {
    int64_t items = problem.matrices * down * across;
    double longest = 0, before = 0;
    for (int64_t thread = 1; thread <= threads; ++thread) {
      double until = first((items * thread + threads - 1) / threads);
      longest = std::max(longest, until - before);
      before = until;
    }
    return longest * real(threads);
  }

  const BlockProblem &problem;
  const BlockPlan &plan;
  int64_t down, across, lastRows, lastWidth;
};

} // namespace

BlockPlan planBlocks(const VectorUnit &unit, const BlockProblem &problem) {
  BlockPlan best;
  double bestCost = std::numeric_limits<double>::max();
  const int64_t lanes = std::max<int64_t>(1, unit.bytes / problem.elementBytes);
  const int64_t mostVectors = ceilDivide(problem.width, lanes);
  for (int64_t vectors = 1; vectors <= std::min<int64_t>(4, mostVectors); ++vectors)
    // Besides the sums: the vectors of the right operand and an element of the left.
    for (int64_t rows = 1; rows * vectors + vectors + 1 <= unit.registers && rows <= 14; ++rows) {
      if (rows > problem.rows && rows > 1)
        break;
      BlockPlan plan{.lanes = lanes, .rowTile = rows, .vectorTile = vectors};
      int64_t longest =
          std::max<int64_t>(32, kFirstCache / (plan.columnTile() * problem.elementBytes) / 8 * 8);
      int64_t blocks = std::max<int64_t>(1, ceilDivide(problem.length, longest));
      plan.length = blocks == 1 ? std::max<int64_t>(1, problem.length)
                                : (ceilDivide(problem.length, blocks) + 7) / 8 * 8;
      int64_t rowTiles = ceilDivide(problem.rows, rows);
      int64_t panels = ceilDivide(problem.width, plan.columnTile());
      int64_t mostRowTiles = std::max<int64_t>(1, kMostRows / rows);
      int64_t mostPanels =
          std::max<int64_t>(1, kMostColumnBytes / (plan.columnTile() * problem.elementBytes));
      int64_t leastRowBlocks = ceilDivide(rowTiles, mostRowTiles);
      int64_t leastColumnBlocks = ceilDivide(panels, mostPanels);
      for (int64_t down = leastRowBlocks; down <= std::min(rowTiles, 4 * leastRowBlocks); ++down)
        for (int64_t across = leastColumnBlocks; across <= std::min(panels, leastColumnBlocks + 8);
             ++across) {
          plan.rows = ceilDivide(rowTiles, down) * rows;
          int64_t width = ceilDivide(panels, across) * plan.columnTile();
          int64_t step = std::lcm(plan.columnTile(), problem.rightPeriod);
          for (int64_t each : {width, ceilDivide(width, step) * step}) {
            plan.width = std::min(each, panels * plan.columnTile());
            double cost = PlanCost(problem, plan).ofAllThreads();
            if (plan.width <= 2 * mostPanels * plan.columnTile() && cost < bestCost) {
              best = plan;
              bestCost = cost;
            }
          }
        }
    }
  return best;
}

} // namespace rosso

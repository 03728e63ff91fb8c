#include "codegen/Trace.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/LocationSnapshot.h"
#include "llvm/ADT/TypeSwitch.h"

#include <algorithm>
#include <optional>
#include <set>

namespace rosso {

using namespace mlir;

namespace {

OpPrintingFlags textFlags() { return OpPrintingFlags().useLocalScope(); }

void collectNodes(Location location, std::set<int64_t> &nodes) {
  location->walk([&](Location part) {
    int64_t number = 0;
    if (auto named = dyn_cast<NameLoc>(part))
      if (StringRef name = named.getName().getValue();
          name.consume_front("%") && !name.getAsInteger(10, number))
        nodes.insert(number);
    return WalkResult::advance();
  });
}

/// The end of a parenthesis that opens at `from`; quotes may hold others.
size_t closing(StringRef text, size_t from) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = from; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && --depth == 0) {
      return i;
    }
  }
  return text.size();
}

/// `"%12"` in the text of a location.
void collectQuoted(StringRef location, std::set<int64_t> &nodes) {
  for (size_t at = 0; (at = location.find("\"%", at)) != StringRef::npos; ++at) {
    int64_t number = 0;
    if (!location.substr(at + 2)
             .take_until([](char c) { return c == '"'; })
             .getAsInteger(10, number))
      nodes.insert(number);
  }
}

/// Integers that a kernel computes from variables and from who it is: what they are for one thread
/// (on a host: for one item), in the first iteration of loops.
class Foresight {
public:
  Foresight(std::vector<int64_t> variables, int64_t item, int64_t thread)
      : values_(std::move(variables)), item_(item), thread_(thread) {}

  std::optional<int64_t> value(Value v) const {
    auto [known, isNew] = known_.try_emplace(v, std::nullopt);
    if (!isNew)
      return known->second;
    std::optional<int64_t> result = compute(v);
    known_[v] = result;
    return result;
  }

  double trips(scf::ForOp loop) const {
    auto begin = value(loop.getLowerBound()), end = value(loop.getUpperBound()),
         step = value(loop.getStep());
    if (!begin || !end || !step || *step <= 0)
      return 1;
    return *end <= *begin ? 0 : static_cast<double>((*end - *begin - 1) / *step + 1);
  }

private:
  std::optional<int64_t> variable(size_t index) const {
    return index < values_.size() ? std::optional(values_[index]) : std::nullopt;
  }

  std::optional<int64_t> argument(BlockArgument arg) const {
    Operation *parent = arg.getOwner()->getParentOp();
    if (auto loop = dyn_cast<scf::ForOp>(parent))
      return arg == loop.getInductionVar() ? value(loop.getLowerBound()) : std::nullopt;
    auto function = dyn_cast<func::FuncOp>(parent);
    if (!function || !arg.getType().isInteger())
      return std::nullopt;
    // Of a host kernel's body: variables, then the first item and the one after the last.
    const size_t fromEnd = function.getNumArguments() - 1 - arg.getArgNumber();
    if (fromEnd < 2)
      return item_ + (fromEnd == 0);
    return variable(values_.size() + 1 - fromEnd);
  }

  /// A load of a variable on a GPU: the last argument is where they lie.
  std::optional<int64_t> load(LLVM::LoadOp op) const {
    int64_t offset = 0;
    Value pointer = op.getAddr();
    while (auto gep = pointer.getDefiningOp<LLVM::GEPOp>()) {
      auto indices = gep.getRawConstantIndices();
      if (indices.size() != 1)
        return std::nullopt;
      if (gep.getDynamicIndices().empty()) {
        offset += indices[0];
      } else if (auto index = value(gep.getDynamicIndices()[0])) {
        offset += *index;
      } else {
        return std::nullopt;
      }
      pointer = gep.getBase();
    }
    auto arg = dyn_cast<BlockArgument>(pointer);
    auto function = arg ? dyn_cast<func::FuncOp>(arg.getOwner()->getParentOp()) : func::FuncOp();
    if (!function || arg.getArgNumber() + 1 != function.getNumArguments() || offset < 0)
      return std::nullopt;
    return variable(static_cast<size_t>(offset) / 8);
  }

  std::optional<int64_t> compute(Value v) const {
    APInt constant;
    if (matchPattern(v, m_ConstantInt(&constant)))
      return constant.getSExtValue();
    if (auto arg = dyn_cast<BlockArgument>(v))
      return argument(arg);
    Operation *op = v.getDefiningOp();
    if (auto loadOp = dyn_cast<LLVM::LoadOp>(op))
      return load(loadOp);
    if (auto call = dyn_cast<LLVM::CallIntrinsicOp>(op)) {
      if (call.getIntrin().contains("readfirstlane"))
        return value(call.getArgs()[0]);
      if (call.getIntrin().contains("workgroup.id.x"))
        return item_;
      if (call.getIntrin().contains("workitem.id.x"))
        return thread_;
      return std::nullopt;
    }
    SmallVector<int64_t> in;
    for (Value operand : op->getOperands()) {
      auto known = value(operand);
      if (!known)
        return std::nullopt;
      in.push_back(*known);
    }
    using Maybe = std::optional<int64_t>;
    auto quotient = [&](bool remainder) -> Maybe {
      if (in[1] == 0 || in[1] == -1)
        return std::nullopt;
      return remainder ? in[0] % in[1] : in[0] / in[1];
    };
    // Wrapped like the machine's, so that no sum overflows here.
    auto wrap = [](uint64_t x) { return static_cast<int64_t>(x); };
    auto bits = [](int64_t x) { return static_cast<uint64_t>(x); };
    return llvm::TypeSwitch<Operation *, Maybe>(op)
        .Case<arith::AddIOp>([&](auto) { return wrap(bits(in[0]) + bits(in[1])); })
        .Case<arith::SubIOp>([&](auto) { return wrap(bits(in[0]) - bits(in[1])); })
        .Case<arith::MulIOp>([&](auto) { return wrap(bits(in[0]) * bits(in[1])); })
        .Case<arith::DivUIOp, arith::DivSIOp>([&](auto) { return quotient(false); })
        .Case<arith::RemUIOp, arith::RemSIOp>([&](auto) { return quotient(true); })
        .Case<arith::MinSIOp, arith::MinUIOp>([&](auto) { return std::min(in[0], in[1]); })
        .Case<arith::MaxSIOp, arith::MaxUIOp>([&](auto) { return std::max(in[0], in[1]); })
        .Case<arith::AndIOp>([&](auto) { return in[0] & in[1]; })
        .Case<arith::ShLIOp>([&](auto) -> Maybe {
          return in[1] < 0 || in[1] > 62 ? Maybe() : Maybe(wrap(bits(in[0]) << in[1]));
        })
        .Case<arith::ShRUIOp, arith::ShRSIOp>([&](auto) -> Maybe {
          return in[1] < 0 || in[1] > 62 ? Maybe() : Maybe(in[0] >> in[1]);
        })
        .Case<arith::ExtUIOp, arith::ExtSIOp, arith::TruncIOp, arith::IndexCastOp>(
            [&](auto) { return in[0]; })
        .Case<arith::SelectOp>([&](auto) { return in[0] ? in[1] : in[2]; })
        .Case<arith::CmpIOp>([&](arith::CmpIOp compare) -> Maybe {
          switch (compare.getPredicate()) {
          case arith::CmpIPredicate::eq:
            return in[0] == in[1];
          case arith::CmpIPredicate::ne:
            return in[0] != in[1];
          case arith::CmpIPredicate::slt:
          case arith::CmpIPredicate::ult:
            return in[0] < in[1];
          case arith::CmpIPredicate::sle:
          case arith::CmpIPredicate::ule:
            return in[0] <= in[1];
          case arith::CmpIPredicate::sgt:
          case arith::CmpIPredicate::ugt:
            return in[0] > in[1];
          case arith::CmpIPredicate::sge:
          case arith::CmpIPredicate::uge:
            return in[0] >= in[1];
          }
          return std::nullopt;
        })
        .Default([](Operation *) { return Maybe(); });
  }

  std::vector<int64_t> values_; // of the variables, in their order
  int64_t item_, thread_;
  mutable llvm::DenseMap<Value, std::optional<int64_t>> known_;
};

/// The loops and conditions of a kernel, outer before inner, with the lines that are theirs.
class Regions {
public:
  Regions(ModuleOp module, size_t lines) : lineCount_(lines) {
    regions_.push_back({});
    collect(module, 0);
  }

  /// Runs of each region by a wave whose first and last lane are these.
  void add(const Foresight &first, const Foresight &last) {
    for (Part &part : regions_) {
      if (auto loop = dyn_cast_or_null<scf::ForOp>(part.op))
        part.now = std::max(first.trips(loop), last.trips(loop));
      else if (auto condition = dyn_cast_or_null<scf::IfOp>(part.op))
        part.now = taken(condition, part.region, first) || taken(condition, part.region, last);
      else
        part.now = 1;
      if (&part != regions_.data())
        part.now *= regions_[part.parent].now;
      part.sum += part.now;
    }
    ++samples_;
  }

  std::vector<double> runsOfLines() const {
    std::vector<double> runs(lineCount_, 0);
    for (const Part &part : regions_)
      for (const size_t line : part.lines)
        runs[line] = std::max(runs[line], part.sum / std::max<size_t>(samples_, 1));
    return runs;
  }

private:
  struct Part {
    Operation *op = nullptr; // whose region it is
    unsigned region = 0;
    size_t parent = 0;
    std::vector<size_t> lines;
    double now = 1, sum = 0;
  };

  static bool taken(scf::IfOp op, unsigned region, const Foresight &foresight) {
    const std::optional<int64_t> condition = foresight.value(op.getCondition());
    return !condition || (*condition & 1) == (region == 0);
  }

  void addLine(Operation *op, size_t part) {
    if (auto at = dyn_cast<FileLineColLoc>(op->getLoc()); at && at.getLine() - 1 < lineCount_)
      regions_[part].lines.push_back(at.getLine() - 1);
  }

  void collect(Operation *op, size_t part) {
    if (!isa<scf::ForOp>(op))
      addLine(op, part);
    for (Region &region : op->getRegions()) {
      size_t inner = part;
      if (isa<scf::ForOp, scf::IfOp>(op)) {
        inner = regions_.size();
        regions_.push_back(
            {.op = op, .region = region.getRegionNumber(), .parent = part, .lines = {}});
      }
      if (isa<scf::ForOp>(op)) // counting and comparing belong to an iteration
        addLine(op, inner);
      for (mlir::Block &block : region)
        for (Operation &each : block)
          collect(&each, inner);
    }
  }

  size_t lineCount_, samples_ = 0;
  std::vector<Part> regions_;
};

/// At most `most` numbers below `count`, spread evenly.
std::vector<uint64_t> spread(uint64_t count, uint64_t most) {
  std::vector<uint64_t> numbers;
  const uint64_t parts = std::min(count, most);
  for (uint64_t i = 0; i < parts; ++i)
    numbers.push_back((2 * i + 1) * count / (2 * parts));
  return numbers;
}

} // namespace

std::vector<int64_t> nodesOf(Operation *op) {
  std::set<int64_t> nodes;
  op->walk([&](Operation *inner) { collectNodes(inner->getLoc(), nodes); });
  return {nodes.begin(), nodes.end()};
}

TracedText traced(Operation *op) {
  std::string located;
  llvm::raw_string_ostream stream(located);
  op->print(stream, textFlags().enableDebugInfo(/*enable=*/true, /*prettyForm=*/false));
  if (!StringRef(located).ends_with("\n"))
    located += '\n';
  TracedText result;
  for (StringRef rest = located; !rest.empty();) {
    auto [line, after] = rest.split('\n');
    rest = after;
    std::set<int64_t> nodes;
    size_t at = 0;
    for (size_t open; (open = line.find(" loc(", at)) != StringRef::npos;) {
      const size_t end = closing(line, open + 4);
      collectQuoted(line.slice(open, end), nodes);
      result.text += line.slice(at, open);
      at = std::min(end + 1, line.size());
    }
    result.text += line.substr(at);
    result.text += '\n';
    result.nodes.emplace_back(nodes.begin(), nodes.end());
  }
  return result;
}

void locateByLine(Operation *op) {
  generateLocationsFromIR(llvm::nulls(), "kernel.mlir", op, textFlags());
}

std::vector<double> runsOfLines(ModuleOp module, size_t lines, const VarTable &vars,
                                const VarValues &at, const ForeseenLaunch &launch) {
  constexpr uint64_t kMostItems = 24, kMostWaves = 8, kWaveThreads = 32;
  std::vector<int64_t> values;
  for (const auto &[name, bounds] : vars) {
    auto known = at.find(name);
    values.push_back(known == at.end() ? bounds.max : known->second);
  }
  Regions regions(module, lines);
  for (const uint64_t item : spread(std::max<uint64_t>(launch.items, 1), kMostItems))
    for (const uint64_t wave :
         spread(std::max<uint64_t>(launch.threads / kWaveThreads, 1), kMostWaves)) {
      const auto first = static_cast<int64_t>(wave * kWaveThreads);
      regions.add(Foresight(values, static_cast<int64_t>(item), first),
                  Foresight(values, static_cast<int64_t>(item), first + kWaveThreads - 1));
    }
  return regions.runsOfLines();
}

} // namespace rosso

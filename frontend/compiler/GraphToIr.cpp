#include "frontend/compiler/GraphToIr.h"

#include "ir/Rosso.h"
#include "ir/Shapes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace rosso {

using namespace mlir;

namespace {

llvm::StringRef ref(std::string_view text) { return {text.data(), text.size()}; }

class Importer {
public:
  Importer(MLIRContext &context, const Graph &graph)
      : builder_(&context), graph_(graph), numbers_(numberNodes(graph)) {
    std::vector<const Node *> buffers = bufferLeaves(graph);
    for (size_t i = 0; i < buffers.size(); ++i)
      bufferNames_[buffers[i]] = "buffer:" + std::to_string(i);
  }

  Result<OwningOpRef<ModuleOp>> run() {
    OwningOpRef<ModuleOp> module = ModuleOp::create(builder_.getUnknownLoc());
    setVars(*module, graph_.vars);
    for (const GraphEntry &entry : graph_.entries) {
      builder_.setInsertionPointToEnd(module->getBody());
      ROSSO_CHECK(importEntry(entry));
    }
    return module;
  }

private:
  /// Weights, states and inputs are named; nodes of one name are one leaf.
  std::optional<std::pair<std::string, llvm::StringRef>> leafOf(const Node &node) const {
    switch (node.op) {
    case Op::Weight:
      return std::pair(node.attr<std::string>("name"), llvm::StringRef("weight"));
    case Op::State:
      return std::pair(node.attr<std::string>("name"), llvm::StringRef("state"));
    case Op::Input:
      return std::pair(node.attr<std::string>("name"), llvm::StringRef("input"));
    case Op::Buffer: {
      const bool isFixed = llvm::all_of(node.shape, [](const Dim &d) { return d.isConstant(); });
      return std::pair(bufferNames_.at(&node), llvm::StringRef(isFixed ? "weight" : "input"));
    }
    default:
      return std::nullopt;
    }
  }

  RankedTensorType typeOf(const Node &node) {
    MLIRContext *context = builder_.getContext();
    return tensorType(node.shape, node.format ? quantType(context, node.format->name)
                                              : elementType(context, node.dtype));
  }

  Location locOf(const Node &node) {
    std::string name = "%" + std::to_string(numbers_.at(&node));
    return NameLoc::get(builder_.getStringAttr(name));
  }

  Attribute attrOf(const Attr &attr) {
    struct Convert {
      Builder &b;
      Attribute operator()(int64_t value) const { return b.getI64IntegerAttr(value); }
      Attribute operator()(double value) const { return b.getF64FloatAttr(value); }
      Attribute operator()(const std::string &value) const { return b.getStringAttr(value); }
      Attribute operator()(const std::vector<int64_t> &value) const {
        return b.getDenseI64ArrayAttr(value);
      }
      Attribute operator()(const Shape &value) const { return extentsAttr(b.getContext(), value); }
    };
    return std::visit(Convert{builder_}, attr);
  }

  Status importEntry(const GraphEntry &entry) {
    std::vector<const Node *> nodes = topologicalOrder(entry);
    std::map<std::pair<std::string, std::string>, unsigned> leaves; // (space, name) -> argument
    llvm::SmallVector<Type> arguments, results;
    llvm::SmallVector<DictionaryAttr> argumentAttrs, resultAttrs;
    std::unordered_map<const Node *, unsigned> argumentOf;
    auto attrs = [&](llvm::ArrayRef<std::pair<llvm::StringRef, std::string>> texts) {
      llvm::SmallVector<NamedAttribute> list;
      for (const auto &[name, text] : texts)
        list.push_back(builder_.getNamedAttr(name, builder_.getStringAttr(text)));
      return builder_.getDictionaryAttr(list);
    };
    for (const Node *node : nodes) {
      if (node->error)
        return *node->error;
      auto leaf = leafOf(*node);
      if (!leaf)
        continue;
      auto [found, isNew] = leaves.try_emplace({leaf->second.str(), leaf->first}, arguments.size());
      argumentOf[node] = found->second;
      if (isNew) {
        arguments.push_back(typeOf(*node));
        argumentAttrs.push_back(
            attrs({{kNameAttr, leaf->first}, {kSpaceAttr, leaf->second.str()}}));
      } else if (arguments[found->second] != typeOf(*node)) {
        return badInput(leaf->second.str() + " '" + leaf->first +
                        "' is used with two shapes or types; give one of them another name");
      }
    }
    for (const auto &[name, node] : entry.outputs) {
      results.push_back(typeOf(*node));
      resultAttrs.push_back(attrs({{kNameAttr, name}}));
    }
    auto function = func::FuncOp::create(builder_, builder_.getUnknownLoc(), entry.name,
                                         builder_.getFunctionType(arguments, results));
    function.setAllArgAttrs(argumentAttrs);
    function.setAllResultAttrs(resultAttrs);
    builder_.setInsertionPointToStart(function.addEntryBlock());

    std::unordered_map<const Node *, mlir::Value> values;
    for (const Node *node : nodes) {
      auto argument = argumentOf.find(node);
      values[node] = argument != argumentOf.end() ? function.getArgument(argument->second)
                                                  : importNode(*node, values);
    }
    llvm::SmallVector<mlir::Value> returned;
    for (const auto &[name, node] : entry.outputs)
      returned.push_back(values.at(node.get()));
    func::ReturnOp::create(builder_, builder_.getUnknownLoc(), returned);
    return {};
  }

  mlir::Value importNode(const Node &node,
                         const std::unordered_map<const Node *, mlir::Value> &values) {
    OperationState state(locOf(node), ("rosso." + ref(mnemonic(node.op))).str());
    for (const NodeRef &source : node.sources)
      state.addOperands(values.at(source.get()));
    state.addTypes(typeOf(node));
    for (const auto &[name, attr] : node.attrs)
      state.addAttribute(name, attrOf(attr));
    state.addAttribute(kNodeAttr, builder_.getI64IntegerAttr(numbers_.at(&node)));
    return builder_.create(state)->getResult(0);
  }

  OpBuilder builder_;
  const Graph &graph_;
  std::unordered_map<const Node *, int64_t> numbers_;
  std::unordered_map<const Node *, std::string> bufferNames_;
};

} // namespace

Result<OwningOpRef<ModuleOp>> importGraph(MLIRContext &context, const Graph &graph) {
  context.loadDialect<RossoDialect, func::FuncDialect>();
  return Importer(context, graph).run();
}

} // namespace rosso

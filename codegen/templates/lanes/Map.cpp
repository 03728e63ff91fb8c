// map on a GPU: a lane computes one element of a result. The results lie one after another in the
// space of lanes, those in blocks first: 32 consecutive elements of theirs are one wave.
//
// Where the number of elements is no linear form of the variables ([T, P + T]), a work group takes
// one index of the leading axes instead, and its lanes all elements below it.
#include "codegen/amdgpu/Wave.h"
#include "codegen/templates/Root.h"
#include "codegen/templates/Templates.h"

#include <algorithm>

namespace rosso {

namespace {

constexpr int64_t kThreads = 256;

class LaneMap {
public:
  LaneMap(Emit &emit, KernelContext &context)
      : e(emit), kernel(context), elements(emit, context), wave(emit, context, kThreads) {
    for (bool blocked : {true, false})
      for (unsigned i = 0; i < kernel.op.getNumResults(); ++i)
        if (Root root(kernel, i); root.isBlocked() == blocked)
          roots.push_back(std::move(root));
  }

  void emit() {
    bool isLinear = std::all_of(roots.begin(), roots.end(), [](const Root &root) {
      return elementCount(root.shape()).has_value();
    });
    isLinear ? byElement() : byRow();
  }

private:
  void byElement() {
    Value position = e.add(e.mul(wave.group(), e.constant(kThreads)), wave.thread());
    Dim total = eachRoot(
        position, [](const Root &root) { return *elementCount(root.shape()); },
        [&](const Root &root, Value element) {
          root.storeLane(elements, wave, delinearIndex(e, kernel, root.shape(), element));
        });
    kernel.grid = {{.extent = total, .tile = kThreads}};
  }

  void byRow() {
    auto rowShape = [](const Root &root) {
      Shape rows = root.shape();
      do
        rows.pop_back();
      while (!elementCount(rows));
      return rows;
    };
    Dim total = eachRoot(
        wave.group(), [&](const Root &root) { return *elementCount(rowShape(root)); },
        [&](const Root &root, Value item) {
          Shape rows = rowShape(root);
          Values row = delinearIndex(e, kernel, rows, item);
          Shape below(root.shape().begin() + static_cast<long>(rows.size()), root.shape().end());
          e.loop(wave.thread(), elementNumber(e, kernel, below), kThreads, [&](Value i) {
            ElementEmitter::Scope scope(elements);
            Values index(row);
            index.append(delinearIndex(e, kernel, below, i));
            root.storeLane(elements, wave, index);
          });
        });
    kernel.grid = {{.extent = total}};
  }

  /// Roots lie one after another; calls back where `position` is within one.
  template <typename Count, typename Body> Dim eachRoot(Value position, Count count, Body body) {
    Dim first;
    for (const Root &root : roots) {
      Dim last = first + count(root);
      Value begin = kernel.extent(e, first);
      Value inside = e.less(position, kernel.extent(e, last));
      if (first != Dim(0))
        inside = e.bitAnd(inside, e.less(e.sub(begin, e.constant(1)), position));
      e.ifThen(inside, [&] {
        ElementEmitter::Scope scope(elements);
        body(root, e.sub(position, begin));
      });
      first = last;
    }
    return first;
  }

  Emit &e;
  KernelContext &kernel;
  ElementEmitter elements;
  Wave wave;
  std::vector<Root> roots;
};

} // namespace

void emitLaneMap(Emit &e, KernelContext &kernel) { LaneMap(e, kernel).emit(); }

} // namespace rosso

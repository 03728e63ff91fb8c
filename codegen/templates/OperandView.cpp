#include "codegen/templates/OperandView.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

#include <numeric>

namespace rosso {

using namespace mlir;

namespace {

int64_t bytesOf(Type memory) { return memory.getIntOrFloatBitWidth() / 8; }

/// The numbers 0 to lanes - 1.
Value laneNumbers(Emit &e, int64_t lanes) {
  llvm::SmallVector<int32_t> numbers;
  for (int32_t i = 0; i < lanes; ++i)
    numbers.push_back(i);
  return arith::ConstantOp::create(
      e.b, e.loc,
      DenseElementsAttr::get(VectorType::get({lanes}, e.i32()), ArrayRef<int32_t>(numbers)));
}

/// Elements of which it is not worth asking in vectors.
bool isMachineNumber(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  return isa<FloatType>(element) || (integer && integer.getWidth() >= 8);
}

} // namespace

OperandView::OperandView(ElementEmitter &elements, Value tensor, size_t axis, Type type,
                         int64_t lanes)
    : elements_(elements), e_(elements.emit()), tensor_(tensor), axis_(axis), type_(type),
      lanes_(lanes) {
  trace_ = trace(0);
  if (!trace_)
    return;
  auto grow = [&](const IndexForm &form, int64_t &period) {
    int64_t found = trace_->forms.periodOf(trace_->symbols[axis_], form);
    period = std::gcd(period, found);
  };
  for (const IndexForm &form : trace_->index)
    grow(form, period_);
  for (const Bound &bound : trace_->bounds)
    grow(bound.form, period_);
  if (period_ == 1) {
    trace_.reset();
    return;
  }
  if (period_)
    trace_ = trace(period_);
  if (trace_)
    step_ = stepOf(*trace_, period_ ? trace_->symbols.back() : trace_->symbols[axis_]).value_or(-1);
}

std::optional<OperandView::Trace> OperandView::trace(int64_t period) const {
  Trace found;
  llvm::SmallVector<IndexForm, 6> index;
  Shape shape = shapeOf(tensor_);
  for (size_t i = 0; i < shape.size(); ++i) {
    std::optional<int64_t> extent;
    if (shape[i].isConstant())
      extent = shape[i].constant();
    if (i == axis_ && period)
      extent = extent ? std::optional((*extent + period - 1) / period) : std::nullopt;
    found.symbols.push_back(found.forms.symbol(extent));
    index.push_back(found.symbols.back());
  }
  if (period) {
    found.symbols.push_back(found.forms.symbol(period));
    index[axis_] =
        found.forms.add(found.forms.multiply(index[axis_], period), found.symbols.back());
  }
  if (!follow(found, tensor_, std::move(index)))
    return std::nullopt;
  return found;
}

/// Walks from a tensor to its buffer; false where something else than movements and exact
/// conversions is in the way.
bool OperandView::follow(Trace &trace, Value tensor, llvm::SmallVector<IndexForm, 6> index) const {
  IndexForms &forms = trace.forms;
  const KernelContext &kernel = elements_.kernel();
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    Type element = tensorOf(tensor).getElementType();
    if (kernel.layoutOf(argument) != Layout::Rows || formatOf(element) || !isMachineNumber(element))
      return false;
    trace.buffer = argument;
    trace.shape = shapeOf(tensor);
    trace.index = std::move(index);
    return true;
  }
  auto constants = [](const Shape &shape) {
    return llvm::all_of(shape, [](const Dim &dim) { return dim.isConstant(); });
  };
  Operation *op = tensor.getDefiningOp();
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([&](CastOp cast) {
        auto from = dyn_cast<FloatType>(tensorOf(cast.getSource()).getElementType());
        auto to = dyn_cast<FloatType>(tensorOf(tensor).getElementType());
        return from && to && to.getWidth() > from.getWidth() && !trace.padding &&
               follow(trace, cast.getSource(), std::move(index));
      })
      .Case([&](PermuteOp permute) {
        llvm::SmallVector<IndexForm, 6> moved(index.size());
        for (auto [i, axis] : llvm::enumerate(permute.getAxes()))
          moved[static_cast<size_t>(axis)] = index[i];
        return follow(trace, permute.getSource(), std::move(moved));
      })
      .Case([&](ExpandOp expand) {
        for (auto [form, extent] : llvm::zip(index, shapeOf(expand.getSource())))
          if (extent == Dim(1))
            form = {};
        return follow(trace, expand.getSource(), std::move(index));
      })
      .Case([&](ShrinkOp shrink) {
        Shape begin = extentsOf(shrink.getBegin());
        if (!constants(begin))
          return false;
        for (auto [form, first] : llvm::zip(index, begin))
          form.constant += first.constant();
        return follow(trace, shrink.getSource(), std::move(index));
      })
      .Case([&](PadOp pad) {
        Shape before = extentsOf(pad.getBefore()), shape = shapeOf(pad.getSource());
        double value = pad.getValue().convertToDouble();
        if (!constants(before) || (trace.padding && *trace.padding != value))
          return false;
        trace.padding = value;
        for (size_t i = 0; i < shape.size(); ++i) {
          index[i].constant -= before[i].constant();
          if (shape[i] != shapeOf(tensor)[i])
            trace.bounds.push_back({index[i], shape[i]});
          if (shape[i] == Dim(1)) // inside of the bounds, there is one place
            index[i] = {};
        }
        return follow(trace, pad.getSource(), std::move(index));
      })
      .Case([&](StrideOp stride) {
        for (auto [form, step] : llvm::zip(index, stride.getStrides()))
          form = forms.multiply(form, step);
        return follow(trace, stride.getSource(), std::move(index));
      })
      .Case([&](WindowOp window) {
        IndexForm tap =
            forms.multiply(index.pop_back_val(), static_cast<int64_t>(window.getDilation()));
        IndexForm &at = index[window.getAxis()];
        at = forms.add(forms.multiply(at, static_cast<int64_t>(window.getStep())), tap);
        return follow(trace, window.getSource(), std::move(index));
      })
      .Case([&](ReshapeOp reshape) {
        Shape from = shapeOf(reshape.getSource()), to = shapeOf(tensor);
        if (auto argument = dyn_cast<BlockArgument>(reshape.getSource())) {
          bool isBuffer = follow(trace, argument, {});
          trace.shape = to; // the same elements in the same order
          trace.index = std::move(index);
          return isBuffer;
        }
        if (!constants(from) || !constants(to))
          return false;
        // Axes of equal products are matched from the end.
        llvm::SmallVector<IndexForm, 6> moved(from.size());
        size_t i = to.size(), j = from.size();
        while (j > 0) {
          int64_t wide = 1, narrow = 1;
          IndexForm position;
          auto takeTo = [&] {
            --i;
            position = forms.add(position, forms.multiply(index[i], wide));
            wide *= to[i].constant();
          };
          size_t end = j;
          narrow *= from[--j].constant();
          while (wide != narrow) {
            if (wide < narrow && i > 0)
              takeTo();
            else if (narrow < wide && j > 0)
              narrow *= from[--j].constant();
            else
              return false;
          }
          for (size_t k = end; k-- > j;) {
            int64_t extent = from[k].constant();
            moved[k] = k == j ? position : forms.remainder(position, extent);
            position = forms.divide(position, extent);
          }
        }
        return follow(trace, reshape.getSource(), std::move(moved));
      })
      .Default(false);
}

/// How far one step of `symbol` moves in the buffer.
std::optional<int64_t> OperandView::stepOf(const Trace &trace, const IndexForm &symbol) const {
  int64_t step = 0, stride = 1;
  bool isConstant = true; // the stride
  for (const Bound &bound : trace.bounds)
    if (auto factor = trace.forms.factorOf(symbol, bound.form); !factor || *factor < 0)
      return std::nullopt;
  for (size_t i = trace.index.size(); i-- > 0;) {
    auto factor = trace.forms.factorOf(symbol, trace.index[i]);
    if (!factor || (*factor != 0 && !isConstant))
      return std::nullopt;
    step += *factor * stride;
    isConstant &= trace.shape[i].isConstant();
    stride *= trace.shape[i].isConstant() ? trace.shape[i].constant() : 0;
  }
  return step;
}

double OperandView::cost(Stretch stretch) const {
  constexpr double kVector = 4, kRun = 4, kBrokenRun = 40, kElement = 2; // cycles
  if (!isVectorised())
    return kElement;
  double vector = kVector * static_cast<double>(step_);
  if (!period_)
    return vector / static_cast<double>(lanes_);
  auto vectors = static_cast<double>((period_ + lanes_ - 1) / lanes_);
  double run = stretch == Stretch::Any ? kBrokenRun : kRun;
  return (vectors * vector + run) / static_cast<double>(period_);
}

std::optional<int64_t> OperandView::bytesAlong(size_t axis) const {
  if (!trace_)
    return std::nullopt;
  auto step = stepOf(*trace_, trace_->symbols[axis]);
  if (!step)
    return std::nullopt;
  return *step * bytesOf(memoryType(tensorOf(trace_->buffer).getElementType()));
}

bool OperandView::isBufferOf(Type type) const {
  return step_ == 1 && period_ == 0 && trace_->bounds.empty() &&
         registerType(tensorOf(trace_->buffer).getElementType()) == type;
}

Value OperandView::address(ValueRange index) const {
  Values at;
  for (const IndexForm &form : trace_->index)
    at.push_back(trace_->forms.emit(e_, form, index));
  Value position = linearIndex(e_, elements_.kernel(), trace_->shape, at);
  // Axes of extent 1 are not in it; with padding around them, their index is not always 0.
  for (size_t i = 0; i < at.size(); ++i) {
    const IndexForm &form = trace_->index[i];
    Shape inner(trace_->shape.begin() + static_cast<long>(i) + 1, trace_->shape.end());
    auto stride = elementCount(inner);
    if (trace_->shape[i] == Dim(1) && (!form.terms.empty() || form.constant != 0) && stride)
      position = e_.add(position, e_.mul(at[i], elements_.kernel().extent(e_, *stride)));
  }
  return e_.at(elements_.kernel().pointerOf(trace_->buffer),
               e_.mul(position, e_.constant(bytesOf(type_))));
}

Value OperandView::padding() const {
  Type vector = e_.vectorOf(memoryType(tensorOf(trace_->buffer).getElementType()), lanes_);
  double padding = trace_->padding.value_or(0);
  return isa<FloatType>(getElementTypeOrSelf(vector))
             ? e_.constantFloat(vector, padding)
             : e_.constant(vector, static_cast<int64_t>(padding));
}

/// Vector number `number` from `pointer` on; `lanes` count in elements of the buffer from there.
Value OperandView::loadMasked(Value pointer, int64_t number, std::optional<Lanes> lanes) const {
  Type memory = memoryType(tensorOf(trace_->buffer).getElementType());
  Type vector = e_.vectorOf(memory, lanes_);
  auto align = static_cast<unsigned>(bytesOf(memory));
  pointer = LLVM::GEPOp::create(
      e_.b, e_.loc, pointer.getType(), e_.i8(), pointer,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(number * lanes_ * bytesOf(memory))});
  if (!lanes)
    return e_.load(vector, pointer, align);
  // Limits beyond the vector are as good as those at its ends.
  auto limit = [&](Value at) {
    Value here = e_.sub(at, e_.constant(number * lanes_));
    here = e_.minimum(e_.maximum(here, e_.constant(0)), e_.constant(lanes_));
    return e_.splat(e_.truncate(here, e_.i32()), lanes_);
  };
  Value numbers = laneNumbers(e_, lanes_);
  Value mask = e_.less(numbers, limit(lanes->last));
  if (lanes->first)
    mask = e_.bitAnd(
        mask, e_.less(e_.sub(limit(lanes->first), e_.constant(numbers.getType(), 1)), numbers));
  return LLVM::MaskedLoadOp::create(e_.b, e_.loc, vector, pointer, mask, padding(), align);
}

/// The vector from the symbols' values on. `lanes` are those within the buffer; nothing: all.
Value OperandView::loadLanes(ValueRange symbols, std::optional<Lanes> lanes) const {
  Values at;
  for (const IndexForm &form : trace_->index)
    at.push_back(trace_->forms.emit(e_, form, symbols));
  Value position = linearIndex(e_, elements_.kernel(), trace_->shape, at);
  Type memory = memoryType(tensorOf(trace_->buffer).getElementType());
  Value buffer = elements_.kernel().pointerOf(trace_->buffer);
  // Where only some lanes lie in the buffer, the first may lie before it: not an inbounds address.
  Value pointer =
      LLVM::GEPOp::create(e_.b, e_.loc, buffer.getType(), e_.i8(), buffer,
                          ArrayRef<LLVM::GEPArg>{e_.mul(position, e_.constant(bytesOf(memory)))});
  Value loaded;
  if (step_ == 1) {
    loaded = loadMasked(pointer, 0, lanes);
  } else {
    // All elements between the first and the last lane's, then every step_-th of them.
    Value last = lanes ? lanes->last : e_.constant(lanes_);
    auto stretched = [&](Value limit) { return e_.mul(limit, e_.constant(step_)); };
    Lanes wide{lanes && lanes->first ? stretched(lanes->first) : Value(),
               e_.sub(stretched(last), e_.constant(step_ - 1))};
    loaded = loadMasked(pointer, 0, wide);
    for (int64_t number = 1; number < step_; ++number) {
      Value next = loadMasked(pointer, number, wide);
      llvm::SmallVector<int64_t> order; // lanes of `next` count from lanes_
      for (int64_t lane = 0; lane < lanes_; ++lane) {
        int64_t element = lane * step_;
        bool isHere = element / lanes_ == number;
        bool isFirst = number == 1 && element < lanes_;
        order.push_back(isHere ? lanes_ + element % lanes_ : isFirst ? element : lane);
      }
      loaded = vector::ShuffleOp::create(e_.b, e_.loc, loaded, next, order);
    }
  }
  return isa<FloatType>(type_) ? e_.extendFloat(loaded, type_) : loaded;
}

/// Whether an element is none of a padding, by the bounds that do not move along a run.
Value OperandView::isInside(ValueRange symbols) const {
  const IndexForm &running = period_ ? trace_->symbols.back() : trace_->symbols[axis_];
  Value inside;
  for (const Bound &bound : trace_->bounds) {
    if (*trace_->forms.factorOf(running, bound.form) != 0)
      continue;
    Value form = trace_->forms.emit(e_, bound.form, symbols);
    Value extent = elements_.kernel().extent(e_, bound.extent);
    Value here = e_.bitAnd(e_.less(e_.constant(-1), form), e_.less(form, extent));
    inside = inside ? e_.bitAnd(inside, here) : here;
  }
  return inside;
}

/// The lanes from the symbols' values on, as far as they lie in the buffer and below `count`, which
/// if null is no limit.
Value OperandView::load(ValueRange symbols, Value count) const {
  if (!count && trace_->bounds.empty())
    return loadLanes(symbols, std::nullopt);
  const IndexForm &running = period_ ? trace_->symbols.back() : trace_->symbols[axis_];
  Lanes lanes{{}, count ? count : e_.constant(lanes_)};
  if (Value inside = isInside(symbols))
    lanes.last = e_.select(inside, lanes.last, e_.constant(0));
  for (const Bound &bound : trace_->bounds) {
    int64_t factor = *trace_->forms.factorOf(running, bound.form);
    if (factor == 0)
      continue;
    // Lane l is inside where 0 <= form + factor * l < extent.
    auto lanesUntil = [&](Value distance) {
      return e_.ceilDivide(e_.maximum(distance, e_.constant(0)), factor);
    };
    Value form = trace_->forms.emit(e_, bound.form, symbols);
    Value extent = elements_.kernel().extent(e_, bound.extent);
    Value first = lanesUntil(e_.sub(e_.constant(0), form));
    lanes.first = lanes.first ? e_.maximum(lanes.first, first) : first;
    lanes.last = e_.minimum(lanes.last, lanesUntil(e_.sub(extent, form)));
  }
  return loadLanes(symbols, lanes);
}

Value OperandView::vector(ValueRange index, Value count) const { return load(index, count); }

Value OperandView::element(ValueRange index) const {
  ElementEmitter::Scope scope(elements_);
  Value value = elements_.element(tensor_, index);
  return isa<FloatType>(type_) ? e_.extendFloat(value, type_) : value;
}

/// The run of `count` elements from the symbols' values on.
void OperandView::copyRun(Value target, Values symbols, Value count) const {
  size_t running = period_ ? symbols.size() - 1 : axis_;
  Value start = symbols[running];
  int64_t bytes = bytesOf(type_);
  auto step = [&](Value i, Value left) {
    symbols[running] = e_.add(start, i);
    e_.store(load(symbols, left), e_.at(target, e_.mul(i, e_.constant(bytes))),
             static_cast<unsigned>(bytes));
  };
  Value whole = e_.mul(e_.divide(count, e_.constant(lanes_)), e_.constant(lanes_));
  e_.loop(e_.constant(0), whole, lanes_, [&](Value i) { step(i, {}); });
  e_.ifThen(e_.less(whole, count), [&] { step(whole, e_.sub(count, whole)); });
}

/// A run of period_ elements: where its vectors' masks do not depend on the run, they move out of
/// the loop over runs.
void OperandView::copyWholeRun(Value target, Values symbols) const {
  int64_t bytes = bytesOf(type_);
  auto store = [&](Value value, int64_t first) {
    e_.store(value, e_.at(target, first * bytes), static_cast<unsigned>(bytes));
  };
  auto copyVectors = [&] {
    for (int64_t first = 0; first < period_; first += lanes_) {
      symbols.back() = e_.constant(first);
      Lanes lanes{{}, e_.constant(std::min(lanes_, period_ - first))};
      bool isWhole = first + lanes_ <= period_;
      for (const Bound &bound : trace_->bounds) {
        int64_t factor = *trace_->forms.factorOf(trace_->symbols.back(), bound.form);
        // The vector as a whole: from its first element, with room for the last one.
        IndexForm start =
            trace_->forms.add(bound.form, trace_->forms.multiply(trace_->symbols.back(), -factor));
        start.constant += factor * first;
        if (factor == 0 ||
            (bound.extent.isConstant() &&
             trace_->forms.isWithin(start, bound.extent.constant() - factor * (lanes_ - 1))))
          continue;
        isWhole = false;
        auto lanesUntil = [&](Value distance) {
          return e_.ceilDivide(e_.maximum(distance, e_.constant(0)), factor);
        };
        Value form = trace_->forms.emit(e_, bound.form, symbols);
        Value extent = elements_.kernel().extent(e_, bound.extent);
        Value begin = lanesUntil(e_.sub(e_.constant(0), form));
        lanes.first = lanes.first ? e_.maximum(lanes.first, begin) : begin;
        lanes.last = e_.minimum(lanes.last, lanesUntil(e_.sub(extent, form)));
      }
      store(loadLanes(symbols, isWhole ? std::nullopt : std::optional(lanes)), first);
    }
  };
  symbols.back() = e_.constant(0);
  Value inside = isInside(symbols);
  if (!inside)
    return copyVectors();
  e_.ifThenElse(inside, copyVectors, [&] {
    Value value = padding();
    value = isa<FloatType>(type_) ? e_.extendFloat(value, type_) : value;
    for (int64_t first = 0; first < period_; first += lanes_)
      store(value, first);
  });
}

void OperandView::copy(Value target, ValueRange index, Value count, Stretch stretch) const {
  Values at(index);
  if (!isVectorised()) {
    Value start = at[axis_];
    e_.loop(e_.constant(0), count, 1, [&](Value i) {
      at[axis_] = e_.add(start, i);
      storeElement(e_, type_, element(at), target, i);
    });
    return;
  }
  if (!period_)
    return copyRun(target, at, count);
  // Run after run: what a run's last vector writes too much, the next one writes over.
  Value start = at[axis_], period = e_.constant(period_);
  Value end = e_.add(start, count);
  auto pointer = [&](Value offset) {
    return e_.at(target, e_.mul(offset, e_.constant(bytesOf(type_))));
  };
  Values symbols(at);
  symbols.push_back({});
  e_.loop(e_.divide(start, period), e_.ceilDivide(end, period_), 1, [&](Value run) {
    symbols[axis_] = run;
    Value first = e_.mul(run, period);
    if (stretch == Stretch::WholeRuns)
      return copyWholeRun(pointer(e_.sub(first, start)), symbols);
    Value from = e_.maximum(e_.sub(start, first), e_.constant(0));
    Value to = e_.minimum(e_.sub(end, first), period);
    symbols.back() = from;
    copyRun(pointer(e_.sub(e_.add(first, from), start)), symbols, e_.sub(to, from));
  });
}

} // namespace rosso

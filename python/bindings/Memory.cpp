// The memory of tensors and of others, seen from both sides without copies: the buffer protocol and
// DLPack.
//
// What Python lends, a tensor reads in place and never writes. What a tensor shows, Python may
// hold: the tensor takes other memory when it is written meanwhile. A file's bytes stay the file's.
#include "python/bindings/Bindings.h"

#include "frontend/FileMemory.h"
#include "frontend/Realize.h"
#include "frontend/ViewLayout.h"
#include "python/bindings/DlPack.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace rosso::python {
namespace {

constexpr uintptr_t kAlignment = 16; // what Storage asks of lent memory

// --- in ---

/// Buffers of Python objects that tensors have let go of where no GIL was held; Python gives them
/// back at its next bytecode.
class Returns {
public:
  void add(Py_buffer *view) {
    const std::lock_guard lock(mutex_);
    views_.push_back(view);
    if (views_.size() == 1)
      Py_AddPendingCall([](void *self) { return static_cast<Returns *>(self)->giveBack(); }, this);
  }
  int giveBack() {
    std::vector<Py_buffer *> views;
    {
      const std::lock_guard lock(mutex_);
      std::swap(views, views_);
    }
    for (Py_buffer *view : views)
      release(view);
    return 0;
  }
  static void release(Py_buffer *view) {
    PyBuffer_Release(view);
    delete view;
  }

private:
  std::mutex mutex_;
  std::vector<Py_buffer *> views_;
};

Returns &returns() {
  static auto *all = new Returns; // tensors may outlive everything
  return *all;
}

void giveBack(Py_buffer *view) {
  if (!Py_IsInitialized())
    return; // and so is the memory
  if (PyGILState_Check())
    Returns::release(view);
  else
    returns().add(view);
}

Tensor fromBuffer(const py::object &data, const Shape &shape, DType dtype,
                  const std::string &device, bool copy) {
  auto *raw = new Py_buffer;
  if (PyObject_GetBuffer(data.ptr(), raw, PyBUF_C_CONTIGUOUS) != 0) {
    delete raw;
    throw py::error_already_set();
  }
  const std::shared_ptr<Py_buffer> view(raw, &giveBack);
  const std::span bytes(static_cast<const uint8_t *>(view->buf), static_cast<size_t>(view->len));
  const bool isAligned = reinterpret_cast<uintptr_t>(view->buf) % kAlignment == 0;
  DeviceName name = internDevice(device);
  const Lending lending = view->readonly ? Lending::ReadOnly : Lending::Shared;
  return Tensor::fromStorage(copy || !isAligned ? unwrap(Storage::copyOf(bytes, name))
                                                : Storage::lent(bytes, view, name, lending),
                             shape, dtype);
}

/// Memory at an address that somebody keeps alive.
Tensor fromAddress(uintptr_t address, const Shape &shape, DType dtype, const std::string &device) {
  const std::optional<Dim> count = elementCount(shape);
  if (!count || !count->isConstant())
    raise(badInput("from_blob: the shape " + str(shape) + " is not constant"));
  const std::span bytes(reinterpret_cast<const uint8_t *>(address),
                        static_cast<size_t>(count->constant()) * byteSize(dtype));
  DeviceName name = internDevice(device);
  return Tensor::fromStorage(address % kAlignment ? unwrap(Storage::copyOf(bytes, name))
                                                  : Storage::lent(bytes, nullptr, name),
                             shape, dtype);
}

/// The first bytes of a file; the device is its name.
Tensor ofFile(const std::string &device, const Shape &shape, DType dtype) {
  const std::optional<std::string> path = filePathOf(device);
  if (!path)
    raise(badInput(device + ": expected the device of a file, DISK:<path>"));
  return unwrap(tensorOfFile(*path, shape, dtype));
}

/// The path of the file that a tensor is on.
std::optional<std::string> filePath(const Tensor &t) {
  if (!isFile(t.node()->device))
    return std::nullopt;
  return rosso::memoryOf(*t.node())->file()->path();
}

// --- out ---

/// The values of a tensor, row-major, kept while Python looks at them.
struct Memory {
  std::shared_ptr<const uint8_t> data;
  uint64_t size = 0;
  bool isReadOnly = false;

  void *address() const { return const_cast<uint8_t *>(data.get()); }
};

Memory memoryOf(const Tensor &t) {
  const auto storage = unwrap([&] {
    py::gil_scoped_release unlocked;
    return rowMajorStorage(t);
  }());
  return {storage->share(), storage->bytes().size(), storage->isReadOnly()};
}

// --- DLPack ---

std::vector<int64_t> constantShape(const Tensor &t) {
  std::vector<int64_t> extents;
  for (const Dim &extent : t.shape()) {
    if (!extent.isConstant())
      raise(badInput("dlpack: the shape " + str(t.shape()) + " is not constant"));
    extents.push_back(extent.constant());
  }
  return extents;
}

struct Exported {
  dlpack::ManagedTensor managed;
  Memory memory;
  std::vector<int64_t> shape, strides;
};

void dropCapsule(PyObject *capsule) {
  if (!PyCapsule_IsValid(capsule, dlpack::kName))
    return; // taken by a consumer
  auto *managed =
      static_cast<dlpack::ManagedTensor *>(PyCapsule_GetPointer(capsule, dlpack::kName));
  managed->deleter(managed);
}

py::object toDlpack(const Tensor &t) {
  auto exported = std::make_unique<Exported>();
  exported->memory = memoryOf(t);
  if (exported->memory.isReadOnly) { // DLPack has no word for that
    auto copy =
        unwrap(Storage::copyOf({exported->memory.data.get(), exported->memory.size}, nullptr));
    exported->memory.data = copy->share();
  }
  exported->shape = constantShape(t);
  exported->strides.assign(exported->shape.size(), 1);
  for (size_t i = exported->shape.size(); i-- > 1;)
    exported->strides[i - 1] = exported->strides[i] * exported->shape[i];
  dlpack::Tensor &out = exported->managed.tensor;
  out.data = exported->memory.address();
  out.device = {dlpack::kCpu, 0};
  out.ndim = static_cast<int32_t>(exported->shape.size());
  out.dtype = dlpack::typeOf(t.dtype());
  out.shape = exported->shape.data();
  out.strides = exported->strides.data();
  out.byteOffset = 0;
  exported->managed.context = exported.get();
  exported->managed.deleter = [](dlpack::ManagedTensor *managed) {
    delete static_cast<Exported *>(managed->context);
  };
  PyObject *capsule = PyCapsule_New(&exported->managed, dlpack::kName, &dropCapsule);
  if (!capsule)
    throw py::error_already_set();
  [[maybe_unused]] Exported *const ownedByTheCapsule = exported.release();
  return py::reinterpret_steal<py::object>(capsule);
}

/// The tensor of a producer, in place where it is row-major and aligned, else a copy.
Tensor takeDlpack(const dlpack::Tensor &from, std::shared_ptr<void> owner) {
  if (from.device.type != dlpack::kCpu)
    raise(unsupported("dlpack: memory of the device type " + std::to_string(from.device.type) +
                      "; move the tensor to the CPU first"));
  const std::optional<DType> dtype = dlpack::dtypeOf(from.dtype);
  if (!dtype)
    raise(unsupported("dlpack: element type " + std::to_string(from.dtype.code) + " of " +
                      std::to_string(from.dtype.bits) + " bits"));
  ViewLayout layout;
  layout.extents.assign(from.shape, from.shape + from.ndim);
  layout.strides.assign(layout.extents.size(), 1);
  for (size_t i = layout.extents.size(); i-- > 1;)
    layout.strides[i - 1] = layout.strides[i] * layout.extents[i];
  if (from.strides)
    layout.strides.assign(from.strides, from.strides + from.ndim);

  const unsigned element = byteSize(*dtype);
  int64_t last = 0; // from the first element to the one that lies furthest
  for (size_t i = 0; i < layout.extents.size(); ++i)
    last += std::max<int64_t>(0, layout.extents[i] - 1) * std::max<int64_t>(0, layout.strides[i]);
  const bool isEmpty = layout.elementCount() == 0;
  const auto *first = static_cast<const uint8_t *>(from.data) + from.byteOffset;
  const std::span memory(first, isEmpty ? 0 : static_cast<size_t>(last + 1) * element);
  DeviceName host = internDevice("host");
  Shape shape(layout.extents.begin(), layout.extents.end());
  if (isEmpty || layout.isContiguous()) {
    const bool isAligned = reinterpret_cast<uintptr_t>(first) % kAlignment == 0;
    return Tensor::fromStorage(isAligned ? Storage::lent(memory, std::move(owner), host)
                                         : unwrap(Storage::copyOf(memory, host)),
                               std::move(shape), *dtype);
  }
  if (std::ranges::any_of(layout.strides, [](int64_t stride) { return stride < 0; }))
    raise(unsupported("dlpack: negative strides; copy the array first"));
  auto storage =
      unwrap(Storage::allocate(static_cast<uint64_t>(layout.elementCount()) * element, host));
  gatherView(layout, element, memory, unwrap(storage->writable()));
  return Tensor::fromStorage(std::move(storage), std::move(shape), *dtype);
}

template <typename Managed> Tensor takeCapsule(PyObject *capsule, const char *name) {
  auto *managed = static_cast<Managed *>(PyCapsule_GetPointer(capsule, name));
  if (!managed || PyCapsule_SetName(capsule, Managed::kUsedName) != 0)
    throw py::error_already_set();
  // Producers free memory of Python objects, or their own; both take what locks they need.
  const std::shared_ptr<void> owner(managed, [](Managed *done) {
    if (done->deleter && Py_IsInitialized()) {
      const py::gil_scoped_acquire locked;
      done->deleter(done);
    }
  });
  return takeDlpack(managed->tensor, owner);
}

Tensor fromDlpack(const py::object &capsule) {
  if (PyCapsule_IsValid(capsule.ptr(), dlpack::kVersionedName))
    return takeCapsule<dlpack::ManagedTensorVersioned>(capsule.ptr(), dlpack::kVersionedName);
  if (PyCapsule_IsValid(capsule.ptr(), dlpack::kName))
    return takeCapsule<dlpack::ManagedTensor>(capsule.ptr(), dlpack::kName);
  raise(badInput("dlpack: expected a capsule that nobody has taken"));
}

} // namespace

void bindMemory(TensorClass &c, py::module_ &m) {
  py::class_<Memory>(m, "Memory", py::buffer_protocol())
      .def_property_readonly(
          "address",
          [](const Memory &memory) { return reinterpret_cast<uintptr_t>(memory.address()); })
      .def_buffer([](Memory &memory) {
        const auto size = static_cast<py::ssize_t>(memory.size);
        return py::buffer_info(memory.address(), 1, "B", 1, {size}, {1}, memory.isReadOnly);
      });
  c.def_static("from_buffer", &fromBuffer)
      .def_static("from_address", &fromAddress)
      .def_static("of_file", &ofFile)
      .def_property_readonly("file_path", &filePath)
      .def("memory", &memoryOf);
  m.def("to_dlpack", &toDlpack);
  m.def("from_dlpack", &fromDlpack);
}

} // namespace rosso::python

// Language models as Python sees them: a file's metadata, its tokeniser, and the engine of slots
// that the package's server drives (python/rosso/llm/core.py wraps it).
#include "python/bindings/Bindings.h"

#include "ir/quant/Formats.h"
#include "models/GgufTensors.h"
#include "models/SlotEngine.h"
#include "models/io/Gguf.h"
#include "models/io/Tokenizer.h"

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace rosso::python {
namespace {

template <typename T> T numberAt(std::span<const uint8_t> bytes, size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

py::object scalarAt(GgufType type, std::span<const uint8_t> bytes, size_t index) {
  switch (type) {
  case GgufType::U8:
    return py::int_(numberAt<uint8_t>(bytes, index));
  case GgufType::I8:
    return py::int_(numberAt<int8_t>(bytes, index));
  case GgufType::U16:
    return py::int_(numberAt<uint16_t>(bytes, index));
  case GgufType::I16:
    return py::int_(numberAt<int16_t>(bytes, index));
  case GgufType::U32:
    return py::int_(numberAt<uint32_t>(bytes, index));
  case GgufType::I32:
    return py::int_(numberAt<int32_t>(bytes, index));
  case GgufType::U64:
    return py::int_(numberAt<uint64_t>(bytes, index));
  case GgufType::I64:
    return py::int_(numberAt<int64_t>(bytes, index));
  case GgufType::F32:
    return py::float_(numberAt<float>(bytes, index));
  case GgufType::F64:
    return py::float_(numberAt<double>(bytes, index));
  case GgufType::Bool:
    return py::bool_(numberAt<uint8_t>(bytes, index) != 0);
  default:
    return py::none();
  }
}

/// Text that may not be UTF-8 keeps its bytes as lone surrogates, as file names do in Python.
py::str text(std::string_view bytes) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "surrogateescape"));
}

py::object valueOf(const GgufValue &value) {
  if (value.type == GgufType::String)
    return text({reinterpret_cast<const char *>(value.bytes.data()), value.bytes.size()});
  if (value.type != GgufType::Array)
    return scalarAt(value.type, value.bytes, 0);
  py::list list;
  if (value.elementType == GgufType::String)
    for (std::string_view element : value.strings)
      list.append(text(element));
  else if (value.elementType == GgufType::Array)
    for (const GgufValue &element : value.arrays)
      list.append(valueOf(element));
  else
    for (size_t i = 0; i < value.count; ++i)
      list.append(scalarAt(value.elementType, value.bytes, i));
  return list;
}

py::dict metadataOf(const GgufFile &file) {
  py::dict metadata;
  for (std::string_view key : file.keys())
    metadata[text(key)] = valueOf(*file.find(key));
  return metadata;
}

/// A model with everything it refers to.
struct Model {
  std::unique_ptr<GgufFile> file;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<SlotEngine> engine;
};

using Progress = py::object;

std::unique_ptr<Model> load(const std::string &path, int64_t context, int64_t slots, int64_t chunk,
                            const std::string &kv, const std::string &device, int threads,
                            bool exact, bool noCache, bool embeddings, const Progress &progress) {
  SlotEngineOptions options{.context = context,
                            .slots = slots,
                            .chunk = chunk,
                            .kvFormat = findFormat(kv),
                            .device = device,
                            .threads = threads,
                            .exact = exact,
                            .noCache = noCache,
                            .embeds = embeddings};
  if (!options.kvFormat)
    raise(badInput("KV cache: found '" + kv + "', wanted f16 or q8_0"));
  if (!progress.is_none())
    options.progress = [&](LoadStage stage, uint64_t done, uint64_t total) {
      py::gil_scoped_acquire locked;
      try {
        progress(stage == LoadStage::Compile ? "compile" : "load", done, total);
      } catch (py::error_already_set &error) {
        error.discard_as_unraisable("the progress of a loading model");
      }
    };
  auto model = std::make_unique<Model>();
  const auto run = [&]() -> Status {
    py::gil_scoped_release unlocked;
    ROSSO_TRY(GgufFile file, GgufFile::open(path));
    model->file = std::make_unique<GgufFile>(std::move(file));
    ROSSO_TRY(Tokenizer tokenizer, Tokenizer::create(*model->file));
    model->tokenizer = std::make_unique<Tokenizer>(std::move(tokenizer));
    ROSSO_TRY(model->engine, SlotEngine::load(*model->file, options));
    return {};
  };
  unwrap(run());
  return model;
}

/// (slot, tokens, sampling or None, mask or None, draft); the sampling is an object with the fields
/// of rosso.llm.engine.Sampling.
SlotRow rowOf(const py::handle &step, std::vector<std::string> &masks) {
  SlotRow row{.slot = step.attr("slot").cast<int64_t>(),
              .tokens = step.attr("tokens").cast<std::vector<TokenId>>(),
              .draft = step.attr("draft").cast<int64_t>()};
  const py::object sampling = step.attr("sampling");
  if (sampling.is_none())
    return row;
  auto number = [&](const char *name) { return sampling.attr(name).cast<double>(); };
  ChoiceOptions choice{
      .sampler = {.temperature = number("temperature"),
                  .topK = sampling.attr("top_k").cast<int64_t>(),
                  .topP = number("top_p"),
                  .minP = number("min_p"),
                  .repeatPenalty = number("repeat_penalty"),
                  .presencePenalty = number("presence_penalty"),
                  .frequencyPenalty = number("frequency_penalty"),
                  .penaltyWindow = sampling.attr("penalty_window").cast<int64_t>(),
                  .seed = sampling.attr("seed").cast<uint64_t>()},
      .bias = sampling.attr("logit_bias").cast<std::vector<std::pair<TokenId, float>>>()};
  if (const py::object logprobs = sampling.attr("logprobs"); !logprobs.is_none())
    choice.logprobs = logprobs.cast<int>();
  if (const py::object mask = step.attr("mask"); !mask.is_none()) {
    masks.push_back(mask.cast<std::string>());
    choice.mask = {reinterpret_cast<const uint8_t *>(masks.back().data()), masks.back().size()};
  }
  row.choice = std::move(choice);
  return row;
}

/// Per step a list of (token, logprob or None, [(token, logprob), ...]).
py::list run(Model &model, const py::sequence &steps) {
  std::vector<std::string> masks;
  masks.reserve(steps.size()); // spans of its elements stay
  std::vector<SlotRow> rows;
  for (const py::handle step : steps)
    rows.push_back(rowOf(step, masks));
  const auto compute = [&] {
    py::gil_scoped_release unlocked;
    return model.engine->run(rows);
  };
  py::list results;
  for (const std::vector<ChosenToken> &chosen : unwrap(compute())) {
    py::list tokens;
    for (const ChosenToken &token : chosen)
      tokens.append(py::make_tuple(token.id, token.logprob, token.top));
    results.append(std::move(tokens));
  }
  return results;
}

std::vector<TokenId> endsOf(const Tokenizer &tokenizer) {
  std::vector<TokenId> ends;
  for (TokenId id = 0; id < static_cast<TokenId>(tokenizer.vocabulary().size()); ++id)
    if (tokenizer.endsGeneration(id))
      ends.push_back(id);
  return ends;
}

/// Control and unknown tokens by their text.
py::dict specialsOf(const Tokenizer &tokenizer) {
  const Vocabulary &vocabulary = tokenizer.vocabulary();
  py::dict specials;
  for (TokenId id = 0; id < static_cast<TokenId>(vocabulary.size()); ++id)
    if (vocabulary.isSpecial(id) && vocabulary.kind(id) != TokenKind::UserDefined)
      specials[text(vocabulary.text(id))] = id;
  return specials;
}

void bindTokenizer(py::module_ &m) {
  py::class_<Tokenizer>(m, "Tokenizer", "Text <-> tokens, from the metadata of a GGUF file.")
      .def(py::init([](const std::string &path) {
             GgufFile file = unwrap(GgufFile::open(path));
             return std::make_unique<Tokenizer>(unwrap(Tokenizer::create(file)));
           }),
           py::arg("path"))
      .def(
          "encode",
          [](const Tokenizer &t, const py::bytes &utf8, bool special) {
            return unwrap(
                t.encode(std::string_view(utf8), {.addBos = false, .parseSpecial = special}));
          },
          py::arg("utf8"), py::arg("special") = false)
      .def("piece", [](const Tokenizer &t, TokenId id) { return py::bytes(t.piece(id)); })
      .def("decode",
           [](const Tokenizer &t, const std::vector<TokenId> &ids) {
             return py::bytes(t.decode(ids, {.skipBos = false, .showControl = true}));
           })
      .def_property_readonly("size", [](const Tokenizer &t) { return t.vocabulary().size(); })
      .def_property_readonly("bos", &Tokenizer::bos)
      .def_property_readonly("eos", &Tokenizer::eos)
      .def_property_readonly("adds_bos", &Tokenizer::addsBos)
      .def_property_readonly("adds_eos", &Tokenizer::addsEos)
      .def_property_readonly("ends", &endsOf)
      .def_property_readonly("special", &specialsOf);
}

} // namespace

void bindLlm(py::module_ &m) {
  bindTokenizer(m);
  m.def(
      "gguf_metadata",
      [](const std::string &path) { return metadataOf(unwrap(GgufFile::open(path))); },
      "The metadata of a GGUF file as Python values.");
  m.def(
      "gguf_tensors",
      [](const std::string &path) {
        auto file = std::make_shared<const GgufFile>(unwrap(GgufFile::open(path)));
        return unwrap(tensorsOf(file));
      },
      "The tensors of a GGUF file, in the file's memory; quantised ones stay in blocks.");
  py::class_<Model>(m, "Llm", "A compiled model with slots for several sequences.")
      .def(py::init(&load), py::arg("path"), py::kw_only(), py::arg("context") = 0,
           py::arg("slots") = 4, py::arg("chunk") = 512, py::arg("kv") = "f16",
           py::arg("device") = defaultDevice(), py::arg("threads") = 0, py::arg("exact") = false,
           py::arg("no_cache") = false, py::arg("embeddings") = false,
           py::arg("progress") = py::none())
      .def("run", &run)
      .def("embed",
           [](Model &model, int64_t slot, const std::vector<TokenId> &tokens) {
             const auto compute = [&] {
               py::gil_scoped_release unlocked;
               return model.engine->embed(slot, tokens);
             };
             return unwrap(compute());
           })
      .def_property_readonly("bytes_read", [](const Model &m) { return m.engine->bytesRead(); })
      .def_property_readonly("embeds", [](const Model &m) { return m.engine->embeds(); })
      .def("rewind", [](Model &model, int64_t slot,
                        int64_t length) { return model.engine->rewind(slot, length); })
      .def("copy",
           [](Model &model, int64_t source, int64_t target, int64_t length) {
             py::gil_scoped_release unlocked;
             return model.engine->copy(source, target, length);
           })
      .def("metadata", [](const Model &model) { return metadataOf(*model.file); })
      .def_property_readonly(
          "tokenizer", [](const Model &model) { return model.tokenizer.get(); },
          py::return_value_policy::reference_internal)
      .def_property_readonly("context", [](const Model &m) { return m.engine->context(); })
      .def_property_readonly("slots", [](const Model &m) { return m.engine->slots(); })
      .def_property_readonly("chunk", [](const Model &m) { return m.engine->chunk(); })
      .def_property_readonly("device", [](const Model &m) { return m.engine->engine().describe(); })
      .def_property_readonly("memory",
                             [](const Model &model) {
                               const MemoryFacts facts = model.engine->engine().memory();
                               return py::make_tuple(facts.weights, facts.kv, facts.activations);
                             })
      .def_property_readonly("formats",
                             [](const Model &model) { // bytes of tensors by storage format
                               std::map<std::string, uint64_t> bytes;
                               for (const GgufTensor &tensor : model.file->tensors())
                                 if (tensor.format)
                                   bytes[std::string(tensor.format->name)] += tensor.bytes;
                               return bytes;
                             })
      .def_property_readonly("parameters",
                             [](const Model &model) {
                               int64_t count = 0;
                               for (const GgufTensor &tensor : model.file->tensors())
                                 count += tensor.elements();
                               return count;
                             })
      .def_property_readonly("width", [](const Model &m) { return m.engine->config().width; })
      .def_property_readonly("trained_context",
                             [](const Model &m) { return m.engine->config().trainedContext; })
      .def_property_readonly("architecture",
                             [](const Model &m) { return m.engine->config().architecture; })
      .def_property_readonly("name", [](const Model &m) { return m.engine->config().name; });
}

} // namespace rosso::python

// The model of docs/models/Qwen2.h as a program: qwen2_example MODEL.gguf ID... prints the graph of
// the logits of these tokens, a line "---", and the logits, a row a line.
// tests/python/test_qwen2.py compares both with the same model in Python.
#include "docs/models/Qwen2.h"

#include <cstdio>
#include <cstdlib>

using namespace rosso;

namespace {

Status run(const std::string &path, const std::vector<int32_t> &ids) {
  ROSSO_TRY(Qwen2 model, Qwen2::load(path));
  ROSSO_TRY(const Tensor logits, model(Tensor::fromData(ids)));
  const std::array one{logits};
  ROSSO_TRY(const std::string graph, graphText(one));
  ROSSO_TRY(const std::vector<float> values, logits.toVector<float>());
  std::printf("%s---\n", graph.c_str());
  const size_t width = values.size() / ids.size();
  for (size_t i = 0; i < values.size(); ++i)
    std::printf("%.9g%c", values[i], i % width + 1 == width ? '\n' : ' ');
  return {};
}

} // namespace

int main(int count, char **arguments) {
  std::vector<int32_t> ids;
  for (int i = 2; i < count; ++i)
    ids.push_back(std::atoi(arguments[i]));
  const Status status = run(count > 1 ? arguments[1] : "", ids);
  if (!status)
    std::fprintf(stderr, "error: %s\n", status.error().message.c_str());
  return status ? 0 : 1;
}

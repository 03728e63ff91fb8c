#include "tests/models/PlainDecoder.h"

#include <cmath>

namespace rosso {

namespace {

using Vector = std::vector<double>;

class PlainDecoder {
public:
  explicit PlainDecoder(const TinyModel &model)
      : m_(model), keys_(static_cast<size_t>(model.layers)), values_(keys_.size()) {}

  /// The token's vector behind the last norm.
  Vector step(int id, int position) {
    Vector x = row("token_embd.weight", id, m_.width);
    for (int64_t i = 0; i < m_.layers; ++i) {
      const std::string layer = "blk." + std::to_string(i) + ".";
      add(x,
          attention(norm(x, layer + "attn_norm.weight"), layer, static_cast<size_t>(i), position));
      const Vector h = norm(x, layer + "ffn_norm.weight");
      Vector gate = times(layer + "ffn_gate", h, m_.feedForward);
      const Vector up = times(layer + "ffn_up", h, m_.feedForward);
      for (size_t j = 0; j < gate.size(); ++j)
        gate[j] = gate[j] / (1 + std::exp(-gate[j])) * up[j];
      add(x, times(layer + "ffn_down", gate, m_.width));
    }
    return norm(x, "output_norm.weight");
  }
  Vector logits(const Vector &hidden) const {
    return times(m_.tied ? "token_embd" : "output", hidden, m_.vocabulary);
  }

private:
  Vector attention(const Vector &x, const std::string &layer, size_t index, int position) {
    Vector q = times(layer + "attn_q", x, m_.heads * m_.headWidth);
    Vector k = times(layer + "attn_k", x, m_.kvHeads * m_.headWidth);
    Vector v = times(layer + "attn_v", x, m_.kvHeads * m_.headWidth);
    for (int64_t h = 0; h < m_.heads; ++h)
      place(q, h, layer + "attn_q_norm.weight", position);
    for (int64_t h = 0; h < m_.kvHeads; ++h)
      place(k, h, layer + "attn_k_norm.weight", position);
    for (double &value : k)
      value = static_cast<double>(static_cast<_Float16>(value));
    for (double &value : v)
      value = static_cast<double>(static_cast<_Float16>(value));
    keys_[index].push_back(k);
    values_[index].push_back(v);

    const auto d = static_cast<size_t>(m_.headWidth);
    Vector mixed(q.size());
    for (int64_t h = 0; h < m_.heads; ++h) {
      const size_t from = static_cast<size_t>(h) * d;
      const size_t shared = static_cast<size_t>(h / (m_.heads / m_.kvHeads)) * d;
      Vector weights;
      double total = 0;
      for (const Vector &key : keys_[index]) {
        double score = 0;
        for (size_t j = 0; j < d; ++j)
          score += q[from + j] * key[shared + j];
        weights.push_back(std::exp(score / std::sqrt(static_cast<double>(d))));
        total += weights.back();
      }
      for (size_t s = 0; s < weights.size(); ++s)
        for (size_t j = 0; j < d; ++j)
          mixed[from + j] += weights[s] / total * values_[index][s][shared + j];
    }
    return times(layer + "attn_output", mixed, m_.width);
  }

  /// Norms head `h` if the model has the weights, and turns its pairs.
  void place(Vector &heads, int64_t h, const std::string &normName, int position) const {
    const auto d = static_cast<size_t>(m_.headWidth);
    double *head = heads.data() + static_cast<size_t>(h) * d;
    if (m_.tensors.contains(normName)) {
      const Vector normed = norm(Vector(head, head + d), normName);
      std::copy(normed.begin(), normed.end(), head);
    }
    for (size_t i = 0; i < d / 2; ++i) {
      const double factor = m_.frequencyFactors.empty() ? 1 : m_.frequencyFactors[i];
      const double angle =
          position / m_.linearScaling / factor *
          std::pow(m_.ropeBase, -2.0 * static_cast<double>(i) / static_cast<double>(d));
      // LLaMA files pair neighbours, Qwen files pair halves.
      const bool neighbours = m_.architecture == "llama";
      double &a = head[neighbours ? 2 * i : i], &b = head[neighbours ? 2 * i + 1 : i + d / 2];
      const double turned = a * std::cos(angle) - b * std::sin(angle);
      b = b * std::cos(angle) + a * std::sin(angle);
      a = turned;
    }
  }

  Vector norm(const Vector &x, const std::string &name) const {
    double squares = 0;
    for (double value : x)
      squares += value * value;
    const double scale = 1 / std::sqrt(squares / static_cast<double>(x.size()) + m_.normEpsilon);
    Vector y;
    for (size_t i = 0; i < x.size(); ++i)
      y.push_back(x[i] * scale * m_.tensors.at(name)[i]);
    return y;
  }

  Vector times(const std::string &name, const Vector &x, int64_t rows) const {
    Vector y;
    const auto bias = m_.tensors.find(name + ".bias");
    for (int64_t r = 0; r < rows; ++r) {
      const Vector weights = row(name + ".weight", r, static_cast<int64_t>(x.size()));
      double sum = bias == m_.tensors.end() ? 0 : bias->second[static_cast<size_t>(r)];
      for (size_t i = 0; i < x.size(); ++i)
        sum += weights[i] * x[i];
      y.push_back(sum);
    }
    return y;
  }

  Vector row(const std::string &name, int64_t index, int64_t width) const {
    const auto begin = m_.tensors.at(name).begin() + index * width;
    return {begin, begin + width};
  }

  static void add(Vector &x, const Vector &y) {
    for (size_t i = 0; i < x.size(); ++i)
      x[i] += y[i];
  }

  const TinyModel &m_;
  std::vector<std::vector<Vector>> keys_, values_; // [layer][token]
};

} // namespace

std::vector<std::vector<double>> plainHidden(const TinyModel &model, const std::vector<int> &ids) {
  PlainDecoder decoder(model);
  std::vector<std::vector<double>> rows;
  for (size_t i = 0; i < ids.size(); ++i)
    rows.push_back(decoder.step(ids[i], static_cast<int>(i)));
  return rows;
}

std::vector<std::vector<double>> plainLogits(const TinyModel &model, const std::vector<int> &ids) {
  std::vector<std::vector<double>> rows = plainHidden(model, ids);
  for (std::vector<double> &row : rows)
    row = PlainDecoder(model).logits(row);
  return rows;
}

} // namespace rosso

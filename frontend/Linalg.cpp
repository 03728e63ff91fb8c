// Decompositions of matrices, composed of products. Matrices are the last two axes.

#include "frontend/Build.h"

#include <cmath>

namespace rosso {

using namespace build;

namespace {

Tensor identity(int64_t n, const Shape &batch, DType dtype) {
  Shape shape = batch;
  shape.insert(shape.end(), {n, n});
  return Tensor::eye(n, {}, dtype).expand(std::move(shape));
}

/// Whether this is [..., M, N] with constant M and N.
bool isMatrix(const Tensor &t) {
  return t.ndim() >= 2 && t.size(-1).isConstant() && t.size(-2).isConstant();
}

Tensor notAMatrix(std::string_view where, const Tensor &t) {
  return failed(where, "a tensor " + str(t.shape()) + "; expected two or more dimensions");
}

Tensor turned(const Tensor &t) { return t.transpose(-2, -1); }

/// +1 or -1, and +1 for 0.
Tensor signOrOne(const Tensor &t) { return (t < 0).where(t.fullLike(-1), t.fullLike(1)); }

/// Factors of which no two have columns in common, for one round of rotations.
struct Rotated {
  Tensor u, v;
  Tensor order; // [n]: columns order[k] and order[k + n/2] are rotated next
};

/// One round of Jacobi's method: every column of `u` meets another and is made orthogonal to it.
Rotated rotate(const Rotated &at) {
  int64_t n = at.u.size(-1).constant(), half = n / 2;
  Tensor columns = Tensor::arange(n);
  Tensor pairs = columns.unsqueeze(1).eq(at.order.unsqueeze(0)).cast(at.u.dtype()); // [n, n]
  Tensor left = pairs.slice(1, 0, half), right = pairs.slice(1, half, 2 * half);    // [n, half]
  Tensor x = at.u.matmul(left), y = at.u.matmul(right);
  Tensor gamma = (x * y).sum(-2), alpha = x.square().sum(-2), beta = y.square().sum(-2);
  Tensor turns = gamma.ne(0);
  Tensor tau = (beta - alpha) / (2 * turns.where(gamma, 1));
  Tensor tangent = turns.where(signOrOne(tau) / (tau.abs() + (1 + tau.square()).sqrt()), 0);
  Tensor cosine = (1 + tangent.square()).rsqrt(), sine = cosine * tangent; // [..., half]

  // R = 1 + sum over pairs (i, j) of (c - 1)(e_ii + e_jj) + s (e_ij - e_ji).
  Tensor c = (cosine - 1).unsqueeze(-2), s = sine.unsqueeze(-2);
  auto spread = [](const Tensor &weights, const Tensor &rows, const Tensor &toColumns) {
    return (rows * weights).matmul(toColumns.T());
  };
  Tensor change = spread(c, left, left) + spread(c, right, right) + spread(s, left, right) -
                  spread(s, right, left);
  Rotated next{at.u + at.u.matmul(change), at.v + at.v.matmul(change), {}};
  // The next pairs, in turn: the circle method of tournaments.
  if (n % 2 == 1)
    next.order = (at.order - 1) % n;
  else
    next.order =
        Tensor::cat({at.order.slice(0, 0, 1), (at.order.slice(0, 1, n) - 2) % (n - 1) + 1});
  return next;
}

} // namespace

std::pair<Tensor, Tensor> Tensor::qr() const {
  auto refused = [](const Tensor &error) { return std::pair(error, error); };
  if (auto bad = firstBad({*this}))
    return refused(*bad);
  if (!isMatrix(*this))
    return refused(notAMatrix("qr", *this));
  int64_t m = size(-2).constant(), n = size(-1).constant();
  Shape batch(shape().begin(), shape().end() - 2);
  Tensor r = cast(floatDType(dtype())), q = identity(m, batch, r.dtype()), row = arange(m);
  for (int64_t i = 0; i < std::min(m, n); ++i) {
    // Householder's reflection H = 1 - w v^T takes column i below row i to zero.
    Tensor isAt = row.eq(i), x = (row >= i).where(r.select(-1, i), 0); // [..., m]
    Tensor norm = x.square().sum(-1, true).sqrt();
    Tensor first = isAt.where(x, 0).sum(-1, true), sign = signOrOne(first);
    Tensor isActive = norm.ne(0), head = first + sign * norm;
    Tensor v = (isAt.where(head, x) / isActive.where(head, 1)).unsqueeze(-1);
    Tensor w = isActive.where(sign * head / isActive.where(norm, 1), 0).unsqueeze(-1) * v;
    r = r - w.matmul(turned(v).matmul(r));
    q = q - q.matmul(v).matmul(turned(w));
  }
  return {q, r};
}

std::tuple<Tensor, Tensor, Tensor> Tensor::svd(bool fullMatrices) const {
  auto refused = [](const Tensor &error) { return std::tuple(error, error, error); };
  if (auto bad = firstBad({*this}))
    return refused(*bad);
  if (!isMatrix(*this))
    return refused(notAMatrix("svd", *this));
  int64_t m = size(-2).constant(), n = size(-1).constant();
  int64_t few = std::min(m, n), many = std::max(m, n);
  Shape batch(shape().begin(), shape().end() - 2);
  auto [q, r] = (m >= n ? *this : turned(*this)).qr();
  Tensor order = arange(few / 2);
  order = cat({order, (arange(few - few / 2) + few / 2).flip(0)});
  Rotated at{r.slice(-2, 0, few).slice(-1, 0, few), identity(few, batch, r.dtype()), order};
  for (int64_t round = 0; few > 1 && round < 4 * few; ++round) // four sweeps converge
    at = rotate(at);

  auto [values, places] = at.u.square().sum(-2).sqrt().sort(-1, true);
  Shape square = batch;
  square.insert(square.end(), {few, few});
  Tensor columns = places.unsqueeze(-2).expand(square);
  Tensor u = at.u.gather(-1, columns) / values.ne(0).where(values, 1).unsqueeze(-2);
  Tensor v = at.v.gather(-1, columns);
  // In the top left corner of an identity, so that q's other columns stay.
  if (many > few) {
    std::vector<Padding> right(shape().size()), below(shape().size());
    right.back().after = many - few;
    below[below.size() - 2].before = few;
    Tensor rest = identity(many, batch, u.dtype()).slice(-2, few, many);
    u = cat({u.pad(right), rest}, -2);
  }
  u = q.matmul(u);
  if (!fullMatrices)
    u = u.slice(-1, 0, few);
  return m >= n ? std::tuple(u, values, turned(v)) : std::tuple(v, values, turned(u));
}

Tensor Tensor::newtonSchulz(int steps, const std::vector<double> &coefficients,
                            double epsilon) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (!isMatrix(*this))
    return notAMatrix("newtonSchulz", *this);
  if (size(-2).constant() > size(-1).constant())
    return turned(turned(*this).newtonSchulz(steps, coefficients, epsilon));
  Tensor g = *this / (square().sum({-2, -1}, true).sqrt() + epsilon);
  for (int step = 0; step < steps; ++step) {
    Tensor sum, power = g; // g, g g^T g, ...
    for (double coefficient : coefficients) {
      Tensor part = coefficient * power;
      sum = sum.defined() ? sum + part : part;
      power = g.matmul(turned(g)).matmul(power);
    }
    g = sum;
  }
  return g;
}

} // namespace rosso

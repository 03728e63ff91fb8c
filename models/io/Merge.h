// Greedy merging, the heart of both tokenizers: of all neighbours that may merge, the best pair
// does, the leftmost of equals first, until none is left.
//
// A linked list of symbols and a heap of candidates make it O(n log n) for any text.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace rosso {

class Merger {
public:
  struct Symbol {
    uint32_t begin = 0, length = 0;   // bytes into the text; length 0 once merged into its left
    int32_t id = -1;                  // the token, or -1 where there is none
    int32_t previous = -1, next = -1; // indices; -1 at the ends
  };
  /// What a pair merges into. Lower ranks merge first.
  struct Merge {
    uint32_t rank = 0;
    int32_t id = -1;
  };

  void clear() { symbols_.clear(); }
  void add(uint32_t begin, uint32_t length, int32_t id) {
    const auto index = static_cast<int32_t>(symbols_.size());
    if (index > 0)
      symbols_.back().next = index;
    symbols_.push_back({begin, length, id, index - 1, -1});
  }

  /// `find(left, right)` gives the Merge of two neighbours, if they may merge.
  template <typename Find> void run(Find find) {
    heap_.clear();
    for (int32_t i = 0; i + 1 < static_cast<int32_t>(symbols_.size()); ++i)
      propose(i, i + 1, find, /*ordered=*/false);
    std::make_heap(heap_.begin(), heap_.end());
    while (!heap_.empty()) {
      const Candidate best = heap_.front();
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.pop_back();
      Symbol &left = symbols_[best.left], &right = symbols_[best.right];
      // Symbols only grow, or vanish: if the sum is what it was, so are both.
      if (left.length == 0 || right.length == 0 || left.length + right.length != best.length)
        continue;
      left.length = best.length;
      left.id = best.id;
      left.next = right.next;
      right.length = 0;
      if (left.next >= 0)
        symbols_[left.next].previous = best.left;
      propose(left.previous, best.left, find, /*ordered=*/true);
      propose(best.left, left.next, find, /*ordered=*/true);
    }
  }

  /// Calls `visit` on what is left, in order.
  template <typename Visit> void forEach(Visit visit) const {
    for (int32_t i = symbols_.empty() ? -1 : 0; i >= 0; i = symbols_[i].next)
      visit(symbols_[i]);
  }

private:
  struct Candidate {
    uint32_t rank;
    int32_t left, right; // symbols
    uint32_t length;     // of both together, when it was proposed
    int32_t id;

    bool operator<(const Candidate &other) const { // worse: the heap's front is the greatest
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };

  template <typename Find> void propose(int32_t left, int32_t right, Find &find, bool ordered) {
    if (left < 0 || right < 0)
      return;
    const Symbol &a = symbols_[left], &b = symbols_[right];
    if (std::optional<Merge> merge = find(a, b)) {
      heap_.push_back({merge->rank, left, right, a.length + b.length, merge->id});
      if (ordered)
        std::push_heap(heap_.begin(), heap_.end());
    }
  }

  std::vector<Symbol> symbols_;
  std::vector<Candidate> heap_;
};

} // namespace rosso

"""Which slot a prompt goes to, and how much of it is there already.

An agent's next turn repeats its last one but for the end, and other prompts come in between; so
every slot keeps its sequence until somebody needs the room, and a prompt goes where it loses least:

    the sequence with the longest common start is continued, if what it would lose is no more than
    what is gained; otherwise the slot used longest ago is taken, and the common start is copied
    into it, also from a slot that is busy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rosso.llm.engine import Core


def common_start(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens two sequences begin with in common."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    while high - low > 1:  # a[:low] == b[:low], a[:high] != b[:high]
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


@dataclass(slots=True)
class Slot:
    id: int
    tokens: list[int] = field(default_factory=list)  # what the KV cache holds
    busy: bool = False
    used: int = 0  # a clock: larger is later


class Slots:
    def __init__(self, core: Core):
        self._core = core
        self._clock = 0
        self.all = [Slot(each) for each in range(core.slots)]

    def any_free(self) -> bool:
        return any(not slot.busy for slot in self.all)

    def take(self, prompt: list[int], anew: bool = False) -> tuple[Slot, int]:
        """A free slot whose sequence is a start of `prompt` -> it and that start's length, which
        leaves at least one token to be read; `anew`: an empty one. There must be a free slot."""
        reach = [] if anew else prompt[:-1]
        shared = {slot.id: common_start(slot.tokens, reach) for slot in self.all}
        free = [slot for slot in self.all if not slot.busy]
        oldest = min(free, key=lambda slot: (bool(slot.tokens), slot.used))
        best = max(free, key=lambda slot: (shared[slot.id], -slot.used))
        lost = len(best.tokens) - shared[best.id]
        slot = best if shared[best.id] and lost <= shared[best.id] else oldest
        giver = max(self.all, key=lambda each: shared[each.id])
        if shared[giver.id] > shared[slot.id] and giver is not slot:
            kept = self._core.copy(giver.id, slot.id, shared[giver.id])
            if kept:
                slot.tokens = reach[:kept]
                return self._taken(slot), kept
            if not giver.busy:
                slot = giver
        kept = self._core.rewind(slot.id, shared[slot.id])
        slot.tokens = reach[:kept]
        return self._taken(slot), kept

    def give_back(self, slot: Slot, spent: bool = False) -> None:
        """`spent`: hardly anybody will go on from what it holds; it is taken before others."""
        slot.busy = False
        if spent:
            slot.used = 0

    def forget(self) -> None:
        """The device was reopened."""
        for slot in self.all:
            slot.tokens = []

    def _taken(self, slot: Slot) -> Slot:
        self._clock += 1
        slot.busy, slot.used = True, self._clock
        return slot

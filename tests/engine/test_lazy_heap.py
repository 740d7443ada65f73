"""The heap from whose middle entries can be taken."""

from __future__ import annotations

from random import Random

import pytest

from tidegate.engine.lazy_heap import NO_KEY, LazyHeap


@pytest.mark.parametrize("seed", range(5))
def test_gives_what_a_sorted_list_would(seed: int) -> None:
    random = Random(seed)
    heap = LazyHeap()
    model: dict[int, int] = {}
    for _ in range(3_000):
        number = random.randrange(60)
        choice = random.random()
        if choice < 0.5:
            key = random.randrange(-20, 20)
            heap.put(number, key)
            model[number] = key
        elif choice < 0.8:
            heap.discard(number)
            model.pop(number, None)
        elif model:
            key, number = min((key, number) for number, key in model.items())
            assert (heap.first_key, heap.first()) == (key, number)
            assert heap.pop() == number
            del model[number]
        assert len(heap) == len(model)
        assert heap.first_key == min(model.values(), default=NO_KEY)


def test_what_is_gone_takes_no_room() -> None:
    """A hundred thousand orders that come and go with far-off times leave nothing behind."""
    heap = LazyHeap()
    heap.put(0, 0)  # keeps dead entries from the top
    for number in range(1, 100_000):
        heap.put(number, number)
        heap.discard(number)
    assert len(heap._heap) < 100


def test_a_key_that_comes_back_counts_once() -> None:
    heap = LazyHeap()
    for key in (5, 3, 5):
        heap.put(1, key)
    assert heap.pop() == 1
    assert (len(heap), heap.first_key) == (0, NO_KEY)
    with pytest.raises(IndexError):
        heap.pop()


def test_takes_everything_from_another() -> None:
    heap, other = LazyHeap(), LazyHeap()
    heap.put(1, 10)
    other.put(2, 5)
    other.put(3, 20)
    other.discard(3)
    assert heap.take_from(other) == [2]
    assert [heap.pop(), heap.pop()] == [2, 1]

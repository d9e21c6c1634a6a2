"""Memory for generated code: alignment, recycling, limits, many threads."""

from __future__ import annotations

import ctypes
import random
import threading

from pellucid.runtime.support_ir import memory
from pellucid.runtime.support_library import support_library


def test_blocks_are_aligned_and_do_not_overlap() -> None:
    library = support_library()
    sizes = [0, 1, 63, 64, 1000, memory.CACHED_FROM, 100_000, memory.HUGE_FROM + 1]
    blocks = [(library.alloc(size), size) for size in sizes]
    for number, (address, size) in enumerate(blocks):
        assert address % 64 == 0
        ctypes.memset(address, number + 1, size)
    for number, (address, size) in enumerate(blocks):
        data = ctypes.string_at(address, size)
        assert data == bytes([number + 1]) * size
        library.free(address)
    library.free(None)
    library.trim()
    assert library.cached_bytes() == 0


def test_a_freed_block_is_used_again() -> None:
    library = support_library()
    library.trim()
    first = library.alloc(1 << 20)
    library.free(first)
    assert library.cached_bytes() >= 1 << 20
    again = library.alloc((1 << 20) - 5000)
    assert again == first
    assert library.cached_bytes() == 0
    library.free(again)
    tiny = library.alloc(memory.CACHED_FROM)
    assert tiny != first
    library.free(tiny)
    library.trim()


def test_what_is_kept_is_bounded() -> None:
    library = support_library()
    blocks = [library.alloc(40 << 20) for _ in range(12)]
    for each in blocks:
        library.free(each)
        assert library.cached_bytes() <= memory.CACHED_LIMIT
    many = [library.alloc(memory.CACHED_FROM + 4096 * number) for number in range(50)]
    for each in many:
        library.free(each)
    library.trim()
    assert library.cached_bytes() == 0


def test_absurd_sizes_are_refused() -> None:
    library = support_library()
    assert library.alloc(-1) is None
    assert library.alloc(1 << 62) is None
    assert library.alloc(memory.LARGEST + 1) is None


def test_many_threads() -> None:
    library = support_library()
    wrong: list[int] = []

    def work(seed: int) -> None:
        choose = random.Random(seed)
        held: list[tuple[int, int, int]] = []
        for _ in range(400):
            if held and choose.random() < 0.5:
                address, size, mark = held.pop(choose.randrange(len(held)))
                if ctypes.string_at(address, size) != bytes([mark]) * size:
                    wrong.append(seed)
                library.free(address)
                continue
            size, mark = choose.choice([100, 40_000, 70_000, 200_000]), choose.randrange(256)
            address = library.alloc(size)
            ctypes.memset(address, mark, size)
            held.append((address, size, mark))
        for address, _, _ in held:
            library.free(address)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert wrong == []
    library.trim()
    assert library.cached_bytes() == 0

"""How this process computes, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """One within, and denormals flushed: of tiny products, threads would wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with denormals_flushed():
            yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Numbers that are too small to be normal are 0 within: they would be slow, and count for
    nothing."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)

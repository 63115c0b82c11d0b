"""Where the tests find the shared material, and what is made once for many of them."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch

from ltr.models.folding import InferenceNet, fold
from ltr.networks import load_network

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TRACKING_SHARED", ROOT.parent / "shared")).resolve()

hypothesis.settings.register_profile("shared_machine", deadline=None)
hypothesis.settings.load_profile("shared_machine")
torch.set_num_threads(min(2, torch.get_num_threads()))
torch.backends.cudnn.allow_tf32 = False


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared material; tests on it skip without it, unless REQUIRE_SHARED=1, as in the project's own checks."""
    if not SHARED.is_dir():
        if os.environ.get("REQUIRE_SHARED") == "1":
            pytest.fail(f"REQUIRE_SHARED=1, but there is no {SHARED}: set TRACKING_SHARED")
        pytest.skip(f"no shared material at {SHARED}: set TRACKING_SHARED")
    return SHARED


@pytest.fixture(scope="session")
def golden(shared: Path) -> Callable[[str], np.lib.npyio.NpzFile]:
    """Reference numbers of an independent implementation, by file name."""
    return lambda name: np.load(shared / "reference" / name)


@pytest.fixture
def signals_not_ignored() -> Iterator[None]:
    """Python's own handlers, also where the tests run in the background or under nohup, which ignore some signals."""
    usual = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def file_size_limit() -> Callable[[int], None]:
    """Sets how large a file this process may write, in bytes, until the test ends: what a full disk is, everywhere."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    return lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Lifts the limit as soon as a test is done: pytest's own report may go to a file that is larger."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        return (yield)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture(scope="session")
def inference_net() -> Callable[[str], InferenceNet]:
    """Bundled networks on the CPU, each folded once."""
    loaded: dict[str, InferenceNet] = {}

    def get(name: str) -> InferenceNet:
        if name not in loaded:
            loaded[name] = fold(load_network(name))
        return loaded[name]

    return get

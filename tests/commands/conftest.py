"""What several tests of commands use."""

from __future__ import annotations

from pathlib import Path

import pytest
from setup_stand_in import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A copy of setup.sh and what it reads, with a stand-in for Python."""
    return House(tmp_path)

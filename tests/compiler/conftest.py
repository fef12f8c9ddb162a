"""What every test of the compiler is run under."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Tests share few processors: a pool of threads for each tiny model only costs."""
    with threadpool_limits(1):
        yield

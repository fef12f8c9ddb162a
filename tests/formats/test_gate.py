"""What stands against loading, and in which order it is said."""

from __future__ import annotations

from types import ModuleType

import pytest

from pilotboat.errors import MissingExtraError, UntrustedError, VersionMismatchError
from pilotboat.formats import gate
from pilotboat.formats.sniffed import Sniffed


def sniffed(**more: object) -> Sniffed:
    return Sniffed(format="pickle", size=1, sha256="", **more)  # type: ignore[arg-type]


def admit(found: Sniffed, *, trust: bool = False) -> None:
    gate.admit(found, trust=trust, code={}, allow_version_skew=False)


def test_versions_come_first_and_then_trust() -> None:
    found = sniffed(sklearn=("0.1",), untrusted=("os.system",), missing=("a.B",))
    with pytest.raises(VersionMismatchError):
        admit(found)
    with pytest.raises(UntrustedError):
        gate.admit(found, trust=False, code={}, allow_version_skew=True)


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "installed", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pilotboat\[sklearn\]"):
        admit(sniffed(sklearn=("1.9.1",)))
    admit(sniffed())
    assert gate.failed_skew(sniffed()) is None


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert gate.installed("no-such-package-of-anyone") is None


def test_code_supplies_what_it_defines() -> None:
    module = ModuleType("steps")
    module.Cleaner = object  # type: ignore[attr-defined]
    code = {"steps": module}
    assert gate.supplied("steps.Anything", code)
    assert gate.supplied("__main__.Cleaner", code)
    assert not gate.supplied("__main__.Other", code)
    assert not gate.supplied("others.Cleaner", code)


@pytest.mark.parametrize("version", ["1.9.1", "1.9.0", "1.9.dev0", "1.9rc1"])
def test_only_major_and_minor_must_agree(version: str) -> None:
    assert gate.minor(version) == ("1", "9")

"""Whether an artifact that has been sniffed may be loaded here."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from pilotboat.errors import ArtifactError, UntrustedError, VersionMismatchError
from pilotboat.formats.allowlist import allowed
from pilotboat.formats.names import MAIN, PACKAGES
from pilotboat.imports import missing as missing_extra

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import ModuleType

    from pilotboat.formats.sniffed import Sniffed

ADVICE = "If you trust where it comes from: --trust. Or write the model with skops or as ONNX."
SEARCHED = (
    "Write the search's best_estimator_ instead. If you trust where the file comes from: --trust."
)


def admit(
    sniffed: Sniffed,
    *,
    trust: bool,
    code: Mapping[str, ModuleType],
    allow_version_skew: bool,
) -> None:
    """Raises what stands against loading.

    That is `VersionMismatchError`, `UntrustedError`, or `ArtifactError` with `missing-code` or
    `missing-package`.
    """
    if not allow_version_skew:
        check_versions(sniffed)
    missing = [name for name in sniffed.missing if not supplied(name, code)]
    # what is not even here may be the user's own code: that is said first, and how to bring it
    present = [name for name in sniffed.untrusted if name not in missing]
    if present and not trust:
        raise untrusted(sniffed.untrusted)
    if missing:
        raise missing_code(missing)


def check_versions(sniffed: Sniffed) -> None:
    """Raises where scikit-learn or NumPy is another than the one that wrote the artifact."""
    here = installed("scikit-learn")
    if here is None:
        if sniffed.sklearn:
            raise missing_extra("sklearn")
        return
    for written in sniffed.sklearn:
        if minor(written) != minor(here):
            raise skew(written, here)
    numpy = installed("numpy") or "2"
    if sniffed.numpy is not None and sniffed.numpy > int(numpy.partition(".")[0]):
        raise VersionMismatchError(
            f"The file was written with NumPy {sniffed.numpy}; this is NumPy {numpy}.",
            hint='Run: pip install "numpy>=2".',
            written=str(sniffed.numpy),
            installed=numpy,
        )


def skew(written: str, here: str) -> VersionMismatchError:
    """The error for two versions of scikit-learn."""
    return VersionMismatchError(
        f"The file was written with scikit-learn {written}; this is scikit-learn {here}.",
        hint=f"Run: pip install scikit-learn=={written}, or train again with {here}. "
        "To try all the same: --allow-version-skew.",
        written=written,
        installed=here,
    )


def failed_skew(sniffed: Sniffed) -> VersionMismatchError | None:
    """The error for a load that was tried across versions and failed; None: no skew."""
    here = installed("scikit-learn") or "missing"
    for written in sniffed.sklearn:
        if minor(written) != minor(here):
            return VersionMismatchError(
                f"The file was written with scikit-learn {written}, and scikit-learn {here} "
                "cannot read it.",
                hint=f"Run: pip install scikit-learn=={written}, or train again with {here}.",
                written=written,
                installed=here,
            )
    return None


def installed(package: str) -> str | None:
    """The installed version of `package`, without importing it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def minor(text: str) -> tuple[str, ...]:
    """The part of a version that must agree: major and minor."""
    return tuple(re.findall(r"\d+", text)[:2])


def supplied(name: str, code: Mapping[str, ModuleType]) -> bool:
    """Whether the user's own files bring `name`."""
    module, _, attribute = name.rpartition(".")
    if module == MAIN:
        return any(hasattr(found, attribute) for found in code.values())
    return module in code


def untrusted(names: Collection[str]) -> UntrustedError:
    """The error that names everything outside the allow-list."""
    several = len(names) > 1
    return UntrustedError(
        f"The file needs {', '.join(names)}, which {'are' if several else 'is'} outside "
        "Pilotboat's own list of harmless names.",
        hint=SEARCHED if any(name.startswith("scipy.stats.") for name in names) else ADVICE,
        names=list(names),
    )


def missing_code(names: list[str]) -> ArtifactError:
    """The error for names whose module is not here: a package to install, or the user's code."""
    for name in names:
        package = PACKAGES.get(name.partition(".")[0])
        if package and allowed(name):
            return ArtifactError(
                f"The file needs the package '{package}', which is not installed.",
                code="missing-package",
                hint=f"Run: pip install {package}",
                package=package,
            )
    several = len(names) > 1
    return ArtifactError(
        f"The code of {', '.join(names)} is not here.",
        code="missing-code",
        hint=f"Give the file that defines {'them' if several else 'it'}: --code FILE --trust.",
        names=names,
    )


def code_needs_trust() -> UntrustedError:
    """The error for `--code` without `--trust`."""
    return UntrustedError(
        "The files given with --code run when the model is loaded.",
        hint="Read them, then add --trust.",
    )

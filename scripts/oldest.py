# ruff: noqa: INP001, T201 - a script: it stands alone, and it prints
"""oldest.py TOOL…: prints pip constraints, the oldest minor versions that pyproject.toml allows.

So that its lower bounds are what is tested, and are written down once. The tools that run the
tests come in the versions of poetry.lock.
"""

import re
import sys
import tomllib
from pathlib import Path

# scikit-learn brings SciPy without an upper bound, and the newest warns about what 1.6 does.
COMPANIONS = ("scipy==1.14.*",)

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
locked = tomllib.loads(Path("poetry.lock").read_text())["package"]
extras = project["optional-dependencies"].values()

for requirement in [*project["dependencies"], *(item for extra in extras for item in extra)]:
    bound = re.match(r"(?P<name>[\w-]+)>=(?P<minor>\d+\.\d+)", requirement)
    if bound is None:
        raise SystemExit(f"no lower bound that can be tested: {requirement}")
    print(f"{bound['name']}=={bound['minor']}.*")
print(*COMPANIONS, sep="\n")
for package in locked:
    if package["name"] in sys.argv[1:]:
        print(f"{package['name']}=={package['version']}")

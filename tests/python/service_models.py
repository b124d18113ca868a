"""Compares the service models in crates/query/data with those of the installed botocore, prose left out.

Usage: service_models.py. Prints what botocore has and the copy does not, and the reverse; ends with exit code 0 when they say the same.
"""

import json
import pathlib
import sys

import botocore
from botocore.loaders import Loader

PROSE = {"documentation", "documentationUrl", "examples"}


def bare(value):
    """A model without its prose."""
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items() if k not in PROSE or not isinstance(v, str)}
    return [bare(v) for v in value] if isinstance(value, list) else value


def main() -> None:
    folder = pathlib.Path(__file__).resolve().parents[2] / "crates/query/data"
    same = True
    for service in ("iam", "sts"):
        ours = json.loads((folder / f"{service}.json").read_text())
        theirs = bare(Loader().load_service_model(service, "service-2"))
        for part in ("operations", "shapes"):
            names = sorted(ours[part].keys() | theirs[part].keys())
            differ = [n for n in names if ours[part].get(n) != theirs[part].get(n)]
            print(f"{service}: {len(ours[part])} {part}, {len(differ)} other than in botocore {botocore.__version__}", *differ)
            same = same and not differ
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()

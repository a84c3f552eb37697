"""Measure what uploadkit costs, beside its peers: ``python benchmarks/run.py --help``."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from benchmarks.harness.program import main

    sys.exit(main())

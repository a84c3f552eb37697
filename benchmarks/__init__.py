"""What uploadkit costs, beside its peers: ``python benchmarks/run.py``."""

"""Speed: every stage against its peer and against the limit of the machine, in one run. `python -m benchmarks`."""

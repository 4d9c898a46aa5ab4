"""Beside the benchmark: the ablation of camera traces, pictures."""

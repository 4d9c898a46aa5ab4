"""Executors run jobs and yield outcomes as they arrive: on this machine (`local`), or elsewhere."""

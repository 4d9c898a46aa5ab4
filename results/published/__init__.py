"""The figures that the papers published, as CSV; installed as `benchbench_published`."""

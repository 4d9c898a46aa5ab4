"""The reference results, installed as `benchbench_reference` with their packs."""

"""A small third-party package for benchbench's own tests."""

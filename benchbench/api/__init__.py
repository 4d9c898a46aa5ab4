"""What scripts and notebooks call, with the words of the command line: `benchbench.run` and what comes of it."""

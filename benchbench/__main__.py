"""`python -m benchbench`, the same as `bench`."""

from benchbench_launch import main

main()

"""`python -m benchbench`, the same as `bench`."""

from benchbench.launch import main

main()

"""Records to numbers: rates, intervals, comparisons. Pure numpy."""

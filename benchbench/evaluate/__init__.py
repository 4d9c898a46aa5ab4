"""One batch: trials are crafted, measured, shown under conditions, and examined by targets."""

"""Everything on disk: cells, the cache, the zoo. Nothing here imports torch when it is imported."""

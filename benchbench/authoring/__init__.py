"""For authors of plugins: the conformance suite and the scaffold."""

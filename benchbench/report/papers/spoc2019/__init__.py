"""Cozzolino et al. 2019: SpoC."""

"""Chen et al. 2020, Camera trace erasing (SiamTE)."""

"""Andrews, Zhang & Griffin 2020, Camera model anonymisation with augmented cGANs."""

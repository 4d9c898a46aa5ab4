"""Andrews et al. 2020, Conditional adversarial camera model anonymization."""

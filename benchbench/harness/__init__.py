"""A run: what is missing, trained and crossed, and stored as it arrives."""

"""What every room stands on: errors, identities, provenance, seeds, files and processes. It imports nothing of ours."""

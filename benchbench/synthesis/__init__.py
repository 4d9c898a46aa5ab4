"""Pictures made beside the data set: synthetic ones, which no camera took, and photographs by drawn camera models."""

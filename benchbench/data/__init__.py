"""Photographs: virtual cameras and folders of real ones, built once, opened memory-mapped."""

"""Folders of real photographs."""

"""The built-in attacks, registered by entry points like any stranger's."""

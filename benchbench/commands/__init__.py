"""The commands of `bench`, a room each. Every command is a call of the API; heavy imports stay inside functions."""

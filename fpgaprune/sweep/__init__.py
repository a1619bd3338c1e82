"""Sweeps: the points of a study's grid, computed once each, kept in a store, and what they say together."""

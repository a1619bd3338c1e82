"""Test classes that every plug-in of a sort inherits."""

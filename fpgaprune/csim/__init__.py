"""C simulation of a generated project: build it, run it on arrays."""

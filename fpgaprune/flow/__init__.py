"""The order of stages: generate, verify, audit, estimate, compare."""

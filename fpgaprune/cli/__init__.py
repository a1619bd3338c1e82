"""The command line: verbs, and the only place that prints or exits."""

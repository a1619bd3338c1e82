"""An estimate held against a synthesis report."""

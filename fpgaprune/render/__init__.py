"""Results as tables for people; draws, computes nothing."""

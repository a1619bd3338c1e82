"""Recipes: flags and TOML files into checked values."""

"""Programs that measure the package on real material and print what they find; not part of the package."""

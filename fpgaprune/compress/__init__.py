"""Pruning and quantization of Keras models."""

"""From a Keras model to an hls4ml project that computes what the model computes."""

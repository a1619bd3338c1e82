"""The names that may stand in a model file: layers, quantizers, functions, options. Everything else is refused."""


def words(text: str) -> frozenset[str]:
    """The set of the words in a text."""
    return frozenset(text.split())


KERAS_LAYERS = words(
    """InputLayer Dense Activation Flatten Reshape Permute RepeatVector Masking Dropout
    SpatialDropout1D SpatialDropout2D GaussianNoise GaussianDropout AlphaDropout ActivityRegularization Embedding
    Conv1D Conv2D Conv1DTranspose Conv2DTranspose DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D
    ZeroPadding1D ZeroPadding2D Cropping1D Cropping2D UpSampling1D UpSampling2D
    MaxPooling1D MaxPooling2D AveragePooling1D AveragePooling2D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalAveragePooling1D GlobalAveragePooling2D
    Add Subtract Multiply Average Maximum Minimum Concatenate Dot
    BatchNormalization LayerNormalization ReLU LeakyReLU PReLU ELU ThresholdedReLU Softmax
    SimpleRNN LSTM GRU Bidirectional TimeDistributed"""
)
QKERAS_LAYERS = words(
    """QDense QConv1D QConv2D QConv2DTranspose QDepthwiseConv2D QSeparableConv1D QSeparableConv2D QActivation
    QAdaptiveActivation QBatchNormalization QSimpleRNN QLSTM QGRU QBidirectional QConv2DBatchnorm
    QDepthwiseConv2DBatchnorm QAveragePooling2D QGlobalAveragePooling2D"""
)
QUANTIZERS = words(
    """quantized_bits bernoulli ternary stochastic_ternary binary stochastic_binary quantized_relu quantized_ulaw
    quantized_tanh quantized_sigmoid quantized_po2 quantized_relu_po2 quantized_hswish"""
)
FUNCTIONS = words(
    """linear relu relu6 elu selu gelu sigmoid hard_sigmoid tanh softmax softplus softsign swish silu exponential
    leaky_relu mish"""
)
QKERAS_FUNCTIONS = words("hard_tanh smooth_tanh smooth_sigmoid binary_tanh binary_sigmoid")
REGULARIZERS = frozenset(("L1", "L2", "L1L2"))
CONSTRAINTS = frozenset(("Clip", "NonNeg", "MaxNorm", "UnitNorm", "MinMaxNorm", "RadialConstraint"))
TFMOT_QUANTIZE = frozenset(("QuantizeWrapper", "QuantizeWrapperV2", "QuantizeAnnotate", "QuantizeLayer"))
RAW_OPERATIONS = frozenset(("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "ClassMethod", "InstanceMethod"))
HGQ = frozenset(("FixedPointQuantizer", "UnaryLUT", "HQuantize", "HDense", "HActivation", "HConv1D", "HConv2D"))
# What later versions of Keras and QKeras add and what changes nothing at inference.
INERT = words(
    """quantization_config optional seed sparse ragged synchronized use_cudnn input_dtype
    batch_input_shape batch_shape build_input_shape post_training_scale var_name use_variables use_ste renorm_momentum
    enable_caching_device implementation"""
)

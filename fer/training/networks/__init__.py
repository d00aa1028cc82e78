"""Functions that build networks: grey levels 0 to 255 go in, logits come out by head."""

from fer.training.networks.mobilenet import mobilenet_v2
from fer.training.networks.resnet import resnet34
from fer.training.networks.sequential import sequential
from fer.training.networks.vgg import FusedBatchNormalization, vgg

__all__ = ["FusedBatchNormalization", "mobilenet_v2", "resnet34", "sequential", "vgg"]

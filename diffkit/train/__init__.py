"""Training: a generator of steps, averaged weights, checkpoints that resume to the bit, one or several devices."""

from diffkit.train.checkpoint import load, save
from diffkit.train.distributed import distributed
from diffkit.train.loop import Loss, Step, progress, train, until_stopped
from diffkit.train.objective import classification, minibatch, prediction
from diffkit.train.state import State, start
from diffkit.train.weights import load_weights, save_weights

__all__ = [
    "Loss",
    "State",
    "Step",
    "classification",
    "distributed",
    "load",
    "load_weights",
    "minibatch",
    "prediction",
    "progress",
    "save",
    "save_weights",
    "start",
    "train",
    "until_stopped",
]

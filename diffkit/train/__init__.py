"""Training: a generator of steps, averaged weights, checkpoints that resume to the bit, one or several devices."""

from diffkit.train.checkpoint import load, save
from diffkit.train.distributed import distributed
from diffkit.train.loop import Loss, Step, progress, train
from diffkit.train.objective import classification, minibatch, prediction
from diffkit.train.state import State, start

__all__ = [
    "Loss",
    "State",
    "Step",
    "classification",
    "distributed",
    "load",
    "minibatch",
    "prediction",
    "progress",
    "save",
    "start",
    "train",
]

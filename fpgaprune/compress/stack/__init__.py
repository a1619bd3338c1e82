"""Networks of one architecture trained together: a leading axis holds one network each, one compiled step moves all."""

from fpgaprune.compress.stack.network import Member
from fpgaprune.compress.stack.schedule import GridTraining, Network, Reached, Told, train_grid
from fpgaprune.compress.stack.state import State

__all__ = ["GridTraining", "Member", "Network", "Reached", "State", "Told", "train_grid"]

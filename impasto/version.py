"""The version, which style models carry, too."""

__version__ = "0.1.0"

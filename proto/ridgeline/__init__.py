"""What every part of Ridgeline shares: the wire contract, the artifact contract and the missing rule."""

__version__ = "0.1.0"

"""Stands for the provider."""

from part import stay

stay("simulator")

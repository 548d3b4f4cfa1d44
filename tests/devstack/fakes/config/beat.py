"""Stands for the beat."""

from part import stay

stay("beat")

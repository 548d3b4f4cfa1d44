"""Stands for the worker."""

from part import stay

stay("worker")

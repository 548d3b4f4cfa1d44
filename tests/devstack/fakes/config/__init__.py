"""Stands for our config."""

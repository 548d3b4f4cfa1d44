"""Stands for our simulator."""

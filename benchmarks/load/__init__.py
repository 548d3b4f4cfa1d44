"""A load generator in a process of its own, made to cost little and never to be the limit."""

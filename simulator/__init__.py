"""A provider of our own, on the other side of real HTTP: it takes messages and reports on them as scripted."""

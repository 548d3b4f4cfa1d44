"""What the speed claims rest on: each benchmark prints its ratio to references that ran beside it."""

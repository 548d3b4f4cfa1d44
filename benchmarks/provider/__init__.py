"""A lean provider that speaks the simulator's wire (docs/simulator.md) and is never the limit."""

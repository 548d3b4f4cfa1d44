"""`devstack`: the two commands, with real processes, real signals and real servers."""

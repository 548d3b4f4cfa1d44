"""The whole service on one machine: private servers, child processes, one command. Standard library only."""

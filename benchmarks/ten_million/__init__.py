"""The service with ten million messages in its tables: whether the rates hold, and what each statement reads."""

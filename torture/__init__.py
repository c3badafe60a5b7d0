"""What scripts/torture runs: a load on nginx with the module, and stores that fail under it."""

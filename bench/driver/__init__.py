"""What scripts/bench runs: servers, loads, measurements and the report."""

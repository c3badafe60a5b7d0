"""Whether nginx gives a visitor what Django would have given him: conversations made at random."""

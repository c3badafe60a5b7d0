"""A proxy between nginx and the stores that passes everything through, until it is told not to."""

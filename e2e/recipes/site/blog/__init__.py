"""A small blog that is served by each of the old recipes, with their Django half in python/."""

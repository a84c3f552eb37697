"""The cases: a file each, whose ``CASE`` says who does what, and what was aimed at."""

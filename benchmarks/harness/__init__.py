"""What runs the cases: contestants in processes of their own that take turns, and what is told about them."""

"""For test suites: the contract that every backend keeps, and helpers for apps."""

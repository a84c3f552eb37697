"""The local backend's parts."""

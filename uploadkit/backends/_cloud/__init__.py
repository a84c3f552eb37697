"""What the backends of object stores share."""

"""Forms: multipart/form-data bodies, parsed with few copies of the bytes."""

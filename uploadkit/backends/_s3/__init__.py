"""The S3 backend's parts."""

"""The Google Cloud Storage backend's parts."""

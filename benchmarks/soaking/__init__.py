"""What the soak is made of: the app, what is sent to it, by whom, what is left, and the server."""

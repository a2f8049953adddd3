"""What the service does, apart from HTTP: one module a task."""

"""The kernel's audit records as events: who ran, changed and connected to what, in JSON with ECS names."""

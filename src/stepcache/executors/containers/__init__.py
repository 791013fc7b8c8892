"""Steps in containers: docker or podman through its command line program, which is what both have in common."""

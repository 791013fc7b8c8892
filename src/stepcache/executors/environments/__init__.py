"""The Python environments that steps run in: resolved once, shared by all, changed by none."""

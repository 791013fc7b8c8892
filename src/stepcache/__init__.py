"""The execution cache for Kubeflow Pipelines: one row per key, one live execution per key."""

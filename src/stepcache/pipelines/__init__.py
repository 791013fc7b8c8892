"""A compiled KFP pipeline and its run."""

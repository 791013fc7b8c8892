"""The two promises: one entry per key, one live execution per key. Knows stores by contract only."""

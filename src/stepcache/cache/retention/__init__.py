"""How long results are kept: garbage collection of entries and artifacts, and the search for damage."""

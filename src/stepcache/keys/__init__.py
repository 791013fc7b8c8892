"""What makes two executions the same. Pure: no I/O, no clock, nothing else of ours."""

"""Why tasks were executed, and how two runs differ."""

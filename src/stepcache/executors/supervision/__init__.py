"""The programs that stand between an engine and its steps: supervisor, reapers, workers.

They run as processes of their own, started by the path of this directory (see ``__main__``), so that nothing of
stepcache has to be importable where they run. Everything here imports the standard library and its neighbours only,
and its neighbours by relative imports: the engine knows this package by another name. What a worker loads runs on
the Python of the steps' environment, which may be another version than the engine's.
"""

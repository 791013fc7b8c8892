"""Where outputs are kept: content-addressed. Callers depend on the contract, never on a back end."""

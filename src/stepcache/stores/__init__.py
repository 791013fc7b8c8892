"""Where entries, claims and runs are kept. Callers depend on the contracts, never on a back end."""

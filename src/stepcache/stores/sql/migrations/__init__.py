"""How the tables of a store on a server came to be what they are, step by step, for Alembic."""

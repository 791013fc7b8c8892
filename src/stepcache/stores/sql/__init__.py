"""What the stores on database servers share: addresses, pools, retries, statements, tables, migrations."""

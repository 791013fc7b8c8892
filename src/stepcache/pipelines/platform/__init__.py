"""What a pipeline asks of Kubernetes (KFP's platform spec), and what becomes of it on one machine."""

"""Spreading tenants over several PostgreSQL servers with Citus: what goes where, and how it gets there."""

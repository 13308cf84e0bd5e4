"""The console's pages about people, tenants and keys, and the door that every console page stands behind."""

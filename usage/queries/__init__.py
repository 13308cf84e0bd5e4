"""Reads of the ledger and of the queue before it."""

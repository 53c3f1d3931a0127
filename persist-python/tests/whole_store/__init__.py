"""Migrating a whole store into another."""

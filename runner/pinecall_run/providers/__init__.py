"""Vendors behind contracts: one small file for each vendor and stage."""

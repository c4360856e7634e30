"""Builds, conditions, traces and saves the twin's models (`models`)."""

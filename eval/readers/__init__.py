"""Reads annotation and prediction files into typed, checked values, and finds videos."""

"""Support bundles: all that somebody far away needs to find a fault, in one file, without a secret."""

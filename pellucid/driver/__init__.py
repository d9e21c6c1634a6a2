"""The drivers: from a module to an executable, by the default pipelines."""

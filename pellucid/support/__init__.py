"""Ground floor: errors, source places, registries, configuration, naming and the host processor."""

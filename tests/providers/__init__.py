"""Local services that behave like energy data providers, and fault injection, for tests."""

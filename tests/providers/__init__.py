"""Services on this machine that behave as energy data providers do, for the shipped examples."""

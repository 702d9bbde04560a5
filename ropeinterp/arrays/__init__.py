"""Arrays: checked calls, tables, rotations; what they need of a spec is a Rotation."""

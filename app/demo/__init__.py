"""The main job from end to end, played against a simulated QuickBooks through the public API."""

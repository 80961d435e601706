"""A seeded nemesis: random billing, random faults, and a checker that believes nobody."""

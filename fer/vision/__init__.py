"""Pixels: a picture goes in, `Faces` come out.

Nothing is imported here, so that a part can be used without loading the others.
"""

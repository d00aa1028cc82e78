"""Everything that makes the network in model/: data, recipes, training, evaluation, export.

Only the command line imports this package; the app runs without it and without TensorFlow.
"""

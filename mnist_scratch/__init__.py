"""Handwritten digits with a neural network made from nothing but NumPy: the helpers behind the lessons.

The lessons are in ``notebooks/``. Import what you need from the modules, each of which is one room of the house:
``datasets``, ``preprocessing``, ``augmentation``, ``layers``, ``costs``, ``network``, ``gradient_check``,
``training``, ``metrics``, ``plotting``.
"""

__version__ = "0.1.0"

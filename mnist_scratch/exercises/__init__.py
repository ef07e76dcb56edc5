"""The checks behind the exercises in ``notebooks/exercises/``.

A student writes ``from mnist_scratch.exercises import check``, then ``check.one_hot(my_one_hot)``. A check runs the
answer on fixed and on random inputs. It prints that the answer is right, or raises an AssertionError that says what is
wrong, in the student's terms. ``lesson_01`` to ``lesson_09`` have the checks; ``answers``, ``comparing``, ``measure``
and ``words`` have what they share.
"""

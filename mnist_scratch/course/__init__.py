"""What serves a checkout of the course, and not its readers.

The commands of ``python -m mnist_scratch`` that run the lessons, store their outputs, make the student version of the
exercises, grade what comes back, and write what is generated. Lessons and students import nothing from here.
"""

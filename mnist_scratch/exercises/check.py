"""Every check under one name: ``from mnist_scratch.exercises import check``, then ``check.one_hot(my_one_hot)``."""

from mnist_scratch.exercises.lesson_01 import *
from mnist_scratch.exercises.lesson_02 import *
from mnist_scratch.exercises.lesson_03 import *
from mnist_scratch.exercises.lesson_04 import *
from mnist_scratch.exercises.lesson_05 import *
from mnist_scratch.exercises.lesson_06 import *
from mnist_scratch.exercises.lesson_07 import *
from mnist_scratch.exercises.lesson_08 import *
from mnist_scratch.exercises.lesson_09 import *

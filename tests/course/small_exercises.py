"""A small solved notebook of exercises for the tests, and what is done to copies of it."""

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

NAME, OTHER = "71_small", "72_other"
TABLE_ANSWER = "answer = (0.6, 30 / 42, 0.25, 0.81)"
CONFUSION = '''\
def weighted_confusion(labels, answers, weights, n_classes):
    """Count."""
    ### BEGIN SOLUTION
    table = np.zeros((n_classes, n_classes + 1))
    np.add.at(table, (labels, np.where(answers < 0, n_classes, answers)), weights)
    return table
    ### END SOLUTION
'''
REPAIR = """\
def double(number):
    return number + 1


### BEGIN SOLUTION
def double(number):
    return number * 2


### END SOLUTION
"""
DOUBLE_CHECK = """\
assert double(1) == 2
### BEGIN HIDDEN TESTS
assert double(3) == 6
### END HIDDEN TESTS
"""


def marked(cell, grade_id, points=None, solution=False):
    graded = points is not None
    mark = {"grade": graded, "grade_id": grade_id, "locked": not solution, "schema_version": 3}
    cell.metadata.nbgrader = mark | {"solution": solution, "task": False} | ({"points": points} if graded else {})
    return cell


def answer(grade_id, source):
    return marked(new_code_cell(source, id=grade_id), grade_id, solution=True)


def checked(grade_id, points, source):
    return marked(new_code_cell(source, id=f"{grade_id}-check"), f"{grade_id}-check", points)


def call_of(name, argument):
    return f"from mnist_scratch.exercises import check\n\ncheck.{name}({argument})"


def solved_notebook():
    """Four exercises of 2, 3, 1 and 4 points, the last to be graded by hand."""
    return new_notebook(
        cells=[
            new_markdown_cell("# Small. From [the lesson](../07_error_analysis.ipynb) to [the next](72_other.ipynb)."),
            new_code_cell("import numpy as np"),
            answer("ex-71-1", f"answer = ...\n### BEGIN SOLUTION\n{TABLE_ANSWER}\n### END SOLUTION"),
            checked("ex-71-1", 2, call_of("read_the_table", "answer")),
            answer("ex-71-2", CONFUSION.rstrip()),
            checked("ex-71-2", 3, call_of("weighted_confusion", "weighted_confusion")),
            answer("ex-71-3", REPAIR.rstrip()),
            checked("ex-71-3", 1, DOUBLE_CHECK.rstrip()),
            marked(new_markdown_cell("Because.", id="ex-71-4"), "ex-71-4", 4, solution=True),
        ],
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "version": "3"},
        },
    )


def cell(notebook, grade_id):
    (found,) = (cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)
    return found

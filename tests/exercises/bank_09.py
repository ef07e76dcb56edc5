"""Right and wrong answers to the exercises of lesson 09."""

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates

from mnist_scratch.augmentation import RandomDeformation, shift
from mnist_scratch.course.banks import Bank

# 9.2


def picture_by_picture(noise, sigma, alpha):
    fields = np.empty(noise.shape)
    for k in range(len(noise)):
        for part in range(2):
            fields[k, part] = alpha * gaussian_filter(noise[k, part], sigma, mode="constant")
    return fields


def axis_by_axis(noise, sigma, alpha):
    lines = gaussian_filter1d(alpha * noise, sigma, axis=3, mode="constant")
    return gaussian_filter1d(lines, sigma, axis=2, mode="constant")


def by_matrices(noise, sigma, alpha):
    down, across = (gaussian_filter1d(np.eye(size), sigma, axis=0, mode="constant") for size in noise.shape[2:])
    return alpha * np.einsum("yi,ncij,xj->ncyx", down, noise, across)


def as_given(noise, sigma, alpha):
    return alpha * gaussian_filter(noise, sigma)


def zeros_outside_only(noise, sigma, alpha):
    return alpha * gaussian_filter(noise, sigma, mode="constant")


def parts_mixed(noise, sigma, alpha):
    return alpha * gaussian_filter(noise, (0, sigma, sigma, sigma), mode="constant")


def images_mixed(noise, sigma, alpha):
    return alpha * gaussian_filter(noise, (sigma, 0, sigma, sigma), mode="constant")


def mirrored(noise, sigma, alpha):
    return alpha * gaussian_filter(noise, (0, 0, sigma, sigma))


def last_value_again(noise, sigma, alpha):
    return alpha * gaussian_filter(noise, (0, 0, sigma, sigma), mode="nearest")


def no_alpha(noise, sigma, alpha):
    return gaussian_filter(noise, (0, 0, sigma, sigma), mode="constant")


def along_one_axis(noise, sigma, alpha):
    return alpha * gaussian_filter1d(noise, sigma, axis=-1, mode="constant")


def in_place(noise, sigma, alpha):
    noise *= alpha
    return gaussian_filter(noise, (0, 0, sigma, sigma), mode="constant")


# 9.3


def by_normal_equations(new, old):
    rows = np.column_stack([new, np.ones(len(new))]).astype(float)
    matrix = np.eye(3)
    matrix[:2] = np.linalg.solve(rows.T @ rows, rows.T @ old).T
    return matrix


def by_pseudo_inverse(new, old):
    new, old = (np.vstack([np.asarray(places, dtype=float).T, np.ones(len(places))]) for places in (new, old))
    return old @ np.linalg.pinv(new)


def two_equations_a_place(new, old):
    equations, wanted = [], []
    for (y, x), place in zip(new.tolist(), old.tolist(), strict=True):
        equations += [[y, x, 1, 0, 0, 0], [0, 0, 0, y, x, 1]]
        wanted += place
    numbers = np.linalg.lstsq(np.array(equations), np.array(wanted))[0]
    return np.array([*numbers, 0, 0, 1]).reshape(3, 3)


def old_to_new(new, old):
    return by_normal_equations(old, new)


def transposed(new, old):
    return by_normal_equations(new, old).T


def two_rows(new, old):
    return by_normal_equations(new, old)[:2]


def two_columns(new, old):
    return np.linalg.lstsq(np.column_stack([new, np.ones(len(new))]), old)[0]


def no_shift(new, old):
    matrix = np.eye(3)
    matrix[:2, :2] = np.linalg.lstsq(new, old)[0].T
    return matrix


def x_first(new, old):
    return by_normal_equations(new[:, ::-1], old[:, ::-1])


def first_three(new, old):
    return by_normal_equations(new[:3], old[:3])


def last_row_empty(new, old):
    matrix = by_normal_equations(new, old)
    matrix[2] = 0
    return matrix


# 9.5


def waves(images, phases, reach=3.0):
    n, height, width = images.shape
    columns = np.arange(width) + reach * np.sin(2 * np.pi * np.arange(height)[:, np.newaxis] / 14 + phases)
    picture, rows = np.arange(n)[:, np.newaxis, np.newaxis], np.arange(height)[:, np.newaxis]
    where = np.broadcast_arrays(picture, rows, columns)
    return map_coordinates(images, where, order=1)


def all_at_once(images, rng):
    return waves(images, rng.uniform(0, 2 * np.pi, (len(images), 1, 1)))


def line_by_line(images, rng):
    copies = np.zeros(images.shape)
    columns = np.arange(28)
    for copy, image in zip(copies, images, strict=True):
        phase = rng.uniform(-np.pi, np.pi)
        for row in np.flatnonzero(image.sum(axis=1)):
            copy[row] = np.interp(columns + 3 * np.sin(row * np.pi / 7 + phase), columns, image[row])
    return copies


def no_change(images, rng):
    return images.copy()


def seeded_afresh(images, rng):
    return all_at_once(images, np.random.default_rng(0))


def as_in_the_lesson(images, rng):
    return RandomDeformation(rotation=12, scale=0.12, shear=0, shift=1.5, alpha=36, sigma=5)(images, rng)


def upright_waves(images, rng):
    return all_at_once(images.transpose(0, 2, 1), rng).transpose(0, 2, 1)


def only_shifted(images, rng):
    return shift(images, np.zeros(len(images), dtype=int), rng.integers(-3, 4, len(images)))


def hardly_moved(images, rng):
    return waves(images, rng.uniform(0, 2 * np.pi, (len(images), 1, 1)), reach=0.5)


def only_once(images, rng):
    return waves(images, rng.uniform(0, 2 * np.pi, (len(images), 1, 1)))[0]


def whole_grey_values(images, rng):
    return 255 * all_at_once(images, rng)


BANK = {
    "two_orders": Bank(
        right=[[7, 10], (7.0, 10.0), np.array([7, 10])],
        wrong=[
            ((10, 7), "exchanged"),
            ((-0.5, -2), "the dot's old place"),
            ((4, 2.5), "wider or narrower"),
            ((2.5, 4), "wider or narrower"),
            ((1, -2), "which side"),
            ((7, 7), "the order matters"),
        ],
    ),
    "smooth_fields": Bank(
        right=[picture_by_picture, axis_by_axis, by_matrices],
        wrong=[
            (as_given, "all four axes.*mirrors"),
            (zeros_outside_only, "all four axes"),
            (parts_mixed, "axis 1"),
            (images_mixed, "axis 0"),
            (mirrored, "mirrors it"),
            (last_value_again, "not as its last value"),
            (no_alpha, "alpha is missing"),
            (along_one_axis, "one axis"),
            (in_place, "write into the array"),
        ],
    ),
    "affine_from_points": Bank(
        right=[by_normal_equations, by_pseudo_inverse, two_equations_a_place],
        wrong=[
            (old_to_new, "from the new place to the old"),
            (transposed, "transposed"),
            (two_rows, "last row, 0, 0, 1, is missing"),
            (two_columns, "transposed"),
            (no_shift, "needs a 1"),
            (x_first, "y first"),
            (first_three, "best fit to all"),
            (last_row_empty, "last row is 0, 0, 1"),
        ],
    ),
    "read_trembling": Bank(
        right=[all_at_once, line_by_line],
        wrong=[
            (no_change, "the images themselves"),
            (seeded_afresh, "from rng"),
            (as_in_the_lesson, "deform as it does"),
            (upright_waves, "moves lines sideways"),
            (only_shifted, "all lines of a picture move alike"),
            (hardly_moved, "less than a pixel"),
            (only_once, "every image"),
            (whole_grey_values, "do not scale it"),
        ],
    ),
}

"""Right and wrong answers to the exercises of lesson 08."""

import numpy as np
from scipy import ndimage

from mnist_scratch.augmentation import rotate
from mnist_scratch.course.banks import Bank

# 8.1

FAR = 4 * np.cos(np.pi / 6)

# 8.2


def pixel_by_pixel(height, width, degrees, pivot):
    cos, sin = np.cos(np.pi * degrees / 180), np.sin(np.pi * degrees / 180)
    places = []
    for row in range(height):
        line = []
        for column in range(width):
            y, x = row - pivot[0], column - pivot[1]
            line.append([y * cos + x * sin + pivot[0], x * cos - y * sin + pivot[1]])
        places.append(line)
    return np.array(places)


def by_complex_numbers(height, width, degrees, pivot):
    row, column = np.ogrid[:height, :width]
    z = (column - pivot[1]) - 1j * (row - pivot[0])  # x to the right, and upwards as usual
    z = z * np.exp(-1j * np.deg2rad(degrees))
    return np.stack([pivot[0] - z.imag, pivot[1] + z.real], axis=2)


def by_einsum(height, width, degrees, pivot):
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    away = np.indices((height, width)) - np.reshape(pivot, (2, 1, 1))
    return np.einsum("ij,jrc->rci", np.array([[cos, sin], [-sin, cos]]), away) + np.array(pivot)


def pushed(height, width, degrees, pivot):
    return pixel_by_pixel(height, width, -degrees, pivot)


def about_the_centre(height, width, degrees, pivot):
    return pixel_by_pixel(height, width, degrees, ((height - 1) / 2, (width - 1) / 2))


def about_the_first_pixel(height, width, degrees, pivot):
    return pixel_by_pixel(height, width, degrees, (0, 0))


def from_the_pivot(height, width, degrees, pivot):
    return pixel_by_pixel(height, width, degrees, pivot) - np.array(pivot)


def back_to_the_centre(height, width, degrees, pivot):
    return from_the_pivot(height, width, degrees, pivot) + np.array([(height - 1) / 2, (width - 1) / 2])


def radians_missing(height, width, degrees, pivot):
    return pixel_by_pixel(height, width, np.degrees(degrees), pivot)


def column_first(height, width, degrees, pivot):
    return pixel_by_pixel(height, width, degrees, pivot)[:, :, ::-1]


def parts_first(height, width, degrees, pivot):
    return pixel_by_pixel(height, width, degrees, pivot).transpose(2, 0, 1)


def one_long_list(height, width, degrees, pivot):
    return pixel_by_pixel(height, width, degrees, pivot).reshape(-1, 2)


def by_meshgrid(height, width, degrees, pivot):
    return pixel_by_pixel(height, width, degrees, pivot).swapaxes(0, 1)


def rounded(height, width, degrees, pivot):
    return np.rint(pixel_by_pixel(height, width, degrees, pivot))


# 8.3


def epochs_by_a_list(images, quarters):
    return np.array([[np.rot90(image, q) for image, q in zip(images, row, strict=True)] for row in quarters])


def epochs_by_flips(images, quarters):
    turned = np.empty((*quarters.shape, *images.shape[1:]), dtype=images.dtype)
    for (epoch, k), q in np.ndenumerate(quarters):
        image = images[k].copy()
        for _ in range(q):
            image = image.T[::-1]
        turned[epoch, k] = image
    return turned


def as_given(images, quarters):
    turned = images
    epochs = []
    for row in quarters:
        for k, quarter in enumerate(row):
            turned[k] = np.rot90(turned[k], quarter)
        epochs.append(turned)
    return np.stack(epochs)


def copied_once(images, quarters):
    return as_given(images.copy(), quarters)


def copied_at_the_end(images, quarters):
    turned, epochs = images.copy(), []
    for row in quarters:
        for k, quarter in enumerate(row):
            turned[k] = np.rot90(turned[k], quarter)
        epochs.append(turned.copy())
    return np.stack(epochs)


def one_array(images, quarters):
    turned, epochs = np.empty_like(images), []
    for row in quarters:
        for k, quarter in enumerate(row):
            turned[k] = np.rot90(images[k], quarter)
        epochs.append(turned)
    return np.stack(epochs)


def one_angle_for_all(images, quarters):
    return np.stack([np.rot90(images, row[0], axes=(1, 2)) for row in quarters])


def clockwise(images, quarters):
    return epochs_by_a_list(images, -quarters)


def unturned(images, quarters):
    return np.stack([images for _ in quarters])


def always_the_first_epoch(images, quarters):
    return epochs_by_a_list(images, [quarters[0]] * len(quarters))


# 8.4


def by_two_probes(weights, biases, turn, mean, std):
    def net(rows):
        return (rows @ turn - mean) / std @ weights + biases

    new_biases = net(np.zeros((1, len(weights))))[0]
    return net(np.eye(len(weights))) - new_biases, new_biases


def by_loops(weights, biases, turn, mean, std):
    pixels, outputs = weights.shape
    new_weights, new_biases = np.zeros((pixels, outputs)), np.zeros(outputs)
    for o in range(outputs):
        new_biases[o] = biases[o] - sum(mean / std * weights[k, o] for k in range(pixels))
        for j in range(pixels):
            new_weights[j, o] = sum(turn[j, k] * weights[k, o] / std for k in range(pixels))
    return [new_weights, new_biases]


def transposed(weights, biases, turn, mean, std):
    return turn.T @ weights / std, by_two_probes(weights, biases, turn, mean, std)[1]


def same_biases(weights, biases, turn, mean, std):
    return turn @ weights / std, biases


def standardised_first(weights, biases, turn, mean, std):
    new_weights = turn @ weights / std
    return new_weights, biases - mean * new_weights.sum(axis=0)


def not_divided(weights, biases, turn, mean, std):
    return turn @ weights, biases - mean / std * weights.sum(axis=0)


def multiplied(weights, biases, turn, mean, std):
    return turn @ weights * std, biases


def mean_in_the_weights(weights, biases, turn, mean, std):
    return (turn @ weights - mean) / std, biases


def turn_forgotten(weights, biases, turn, mean, std):
    return weights / std, biases - mean / std * weights.sum(axis=0)


def mean_not_divided(weights, biases, turn, mean, std):
    return turn @ weights / std, biases - mean * weights.sum(axis=0)


def mean_added(weights, biases, turn, mean, std):
    return turn @ weights / std, biases + mean / std * weights.sum(axis=0)


def biases_divided(weights, biases, turn, mean, std):
    return turn @ weights / std, (biases - mean * weights.sum(axis=0)) / std


def only_once(weights, biases, turn, mean, std):
    return turn @ weights / std, biases - mean / std


def over_the_outputs(weights, biases, turn, mean, std):
    return turn @ weights / std, biases.sum() - mean / std * weights.sum(axis=1)


def in_place(weights, biases, turn, mean, std):
    biases -= mean / std * weights.sum(axis=0)
    return turn @ weights / std, biases


# 8.5


def likeness(image, turned, angles):
    pictures = rotate(np.repeat(image[np.newaxis], len(angles), axis=0), angles).reshape(len(angles), -1)
    away = pictures - pictures.mean(axis=1, keepdims=True)
    return away @ (turned - turned.mean()).ravel() / np.linalg.norm(away, axis=1)


def by_correlation(image, turned):
    coarse = np.arange(-180.0, 180.0, 4)
    best = coarse[likeness(image, turned, coarse).argmax()]
    fine = best + np.arange(-4, 4.01, 0.25)
    return float(fine[likeness(image, turned, fine).argmax()])


def by_scipy(image, turned):
    def off(degrees):
        return ((ndimage.rotate(image, degrees, reshape=False, order=1) - turned) ** 2).sum()

    best = min(range(0, 360, 6), key=off)
    best = min(np.arange(best - 6, best + 6.5, 1), key=off)
    return np.array(min(np.arange(best - 1, best + 1.1, 0.2), key=off))


def coarsely(image, turned):
    angles = np.arange(-180.0, 180.0, 10)
    return angles[likeness(image, turned, angles).argmax()]


def half_degrees_off(image, turned):
    return by_correlation(image, turned) + 0.9


def small_angles_only(image, turned):
    angles = np.arange(-45.0, 45.0, 0.5)
    return angles[likeness(image, turned, angles).argmax()]


def backwards(image, turned):
    return by_correlation(turned, image)


def by_a_plain_product(image, turned):
    angles = np.arange(-180.0, 180.0, 1)
    pictures = rotate(np.repeat(image[np.newaxis], len(angles), axis=0), angles)
    return angles[(pictures * turned).sum(axis=(1, 2)).argmax()]


def in_radians(image, turned):
    return np.deg2rad(by_correlation(image, turned))


BANK = {
    "where_it_goes": Bank(
        right=[[4, 5, 4, 7.46], (4.0, 5.0, 4, 4 + FAR), np.array([4, 5, 4, 7.4641])],
        wrong=[
            ((0, 3, 4, 7.46), "clockwise"),
            ((5, 4, 4, 7.46), "row first"),
            ((2, 1, 4, 7.46), "add the centre"),
            ((4, 5, 0, 7.46), "turn its place back"),
            ((4, 5, 2, 3.46), "add the centre"),
            ((4, 5, 7.46, 4), "row first"),
            ((4, 5, 5.46, 6), "sine and cosine are exchanged"),
        ],
    ),
    "places_about": Bank(
        right=[pixel_by_pixel, by_complex_numbers, by_einsum],
        wrong=[
            (pushed, "turned back"),
            (about_the_centre, "use the pivot"),
            (about_the_first_pixel, "from the pivot first"),
            (from_the_pivot, "add it again"),
            (back_to_the_centre, "not the centre"),
            (radians_missing, "radians"),
            (column_first, "row first"),
            (parts_first, "last axis"),
            (one_long_list, "keep the picture's rows"),
            (by_meshgrid, "rows of the picture come first"),
            (rounded, "do not round"),
        ],
    ),
    "augmented_epochs": Bank(
        right=[epochs_by_a_list, epochs_by_flips],
        wrong=[
            (as_given, "write into the array"),
            (copied_once, "one array"),
            (copied_at_the_end, "turned before"),
            (one_array, "one and the same array"),
            (one_angle_for_all, "an angle of its own"),
            (clockwise, "counter-clockwise"),
            (unturned, "unturned"),
            (always_the_first_epoch, "turns of the first one"),
        ],
    ),
    "fold_turn": Bank(
        right=[by_two_probes, by_loops],
        wrong=[
            (transposed, "Nothing is transposed"),
            (same_biases, "the biases change too"),
            (standardised_first, "turned first"),
            (not_divided, "divided by std; where"),
            (multiplied, "so the weights are too"),
            (mean_in_the_weights, "changes the biases"),
            (turn_forgotten, "turn is missing"),
            (mean_not_divided, "divided by std as well"),
            (mean_added, "check the sign"),
            (biases_divided, "do not divide them"),
            (only_once, "sum over the pixels"),
            (over_the_outputs, "axis 0"),
            (in_place, "write into the array"),
        ],
    ),
    "find_angle": Bank(
        right=[by_correlation, by_scipy],
        wrong=[
            (coarsely, "finer steps"),
            (half_degrees_off, "finer steps"),
            (small_angles_only, "all the way round"),
            (backwards, "wrong sign"),
            (in_radians, "radians"),
            (by_a_plain_product, "squared differences"),
        ],
    ),
}

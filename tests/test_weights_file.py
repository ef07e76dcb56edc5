"""A network's file: what was saved comes back, and whatever has happened to a file, never another network."""

import io
import os
import threading
import zipfile

import numpy as np
import pytest

from mnist_scratch import weights_file
from mnist_scratch.costs import CrossEntropy
from mnist_scratch.layers import Layer
from mnist_scratch.network import Network


def small(seed=0):
    return Network.from_sizes([2, 2, 1], "relu", "sigmoid", "cross_entropy", seed=seed)


def numbers(network):
    return [p for layer in network.layers for p in (layer.weights, layer.biases)]


def same(network, other):
    pairs = zip(numbers(network), numbers(other), strict=True)
    return repr(network) == repr(other) and all(np.array_equal(p, q) for p, q in pairs)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "weights.npz"
    small().save(path)
    return path


def test_every_flipped_bit_gives_the_same_numbers_or_the_one_error(saved):
    network, messages = Network.from_sizes([1, 1]), []
    network.save(saved)
    content = saved.read_bytes()
    for place in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            saved.write_bytes(damaged)
            try:
                loaded = Network.load(saved)
            except ValueError as error:
                messages.append(str(error))
            else:
                assert same(loaded, network), (place, bit)
    assert len(messages) > 2 * len(content)
    assert all(str(saved) in message and "pickle" not in message for message in messages)


def test_every_truncated_file_gives_the_one_error(saved):
    content = saved.read_bytes()
    for length in range(len(content)):
        saved.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"is not a network saved by Network\.save, or it is damaged"):
            Network.load(saved)


@pytest.mark.parametrize("lost", [1, 2])
def test_a_file_that_has_lost_its_last_layers_is_no_shorter_network(tmp_path, lost):
    path = tmp_path / "weights.npz"
    Network.from_sizes([2, 2, 2, 2]).save(path)
    with np.load(path) as file:
        arrays = {name: value for name, value in file.items() if not name.endswith(tuple("21"[:lost]))}
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=rf"should have 3 layers, and has {3 - lost}"):
        Network.load(path)


@pytest.mark.parametrize("name", ["weights_1", "biases_1", "activation_1", "weights_0"])
def test_a_file_that_has_lost_one_array_names_it(saved, name):
    with np.load(saved) as file:
        arrays = {key: value for key, value in file.items() if key != name}
    np.savez(saved, **arrays)
    with pytest.raises(ValueError, match="damaged"):
        Network.load(saved)


@pytest.mark.parametrize(
    "changes",
    [
        {"weights_0": np.array([{"a": 1}], dtype=object)},
        {"weights_7": np.zeros((2, 2), np.float32)},
        {"weights_99999999999": np.zeros((2, 2), np.float32)},
        {"something": np.zeros(3)},
        {"n_layers": 3},
        {"n_layers": [2]},
        {"format": [1, 1]},
        {"format": "one"},
        {"activation_0": ["relu"]},
        {"activation_1": "identity"},
        {"weights_0": np.zeros((2, 2), np.complex64)},
        {"weights_1": np.zeros((3, 1), np.float32)},
    ],
    ids=str,
)
def test_foreign_arrays_are_refused_without_advice_on_pickles(saved, changes):
    with np.load(saved) as file:
        arrays = dict(file) | changes
    np.savez(saved, allow_pickle=True, **arrays)
    with pytest.raises(ValueError, match=r"weights\.npz") as caught:
        Network.load(saved)
    assert "pickle" not in str(caught.value)


def test_a_compressed_copy_loads_and_one_with_an_array_twice_does_not(saved):
    with np.load(saved) as file:
        np.savez_compressed(saved, **dict(file))
    assert same(Network.load(saved), small())
    data = io.BytesIO()
    np.save(data, np.zeros((2, 2), np.float32))
    with zipfile.ZipFile(saved, "a") as packed, pytest.warns(UserWarning, match="Duplicate"):
        packed.writestr("weights_0.npy", data.getvalue())
    with pytest.raises(ValueError, match="weights_0 is there twice"):
        Network.load(saved)


def test_a_file_that_unpacks_to_more_than_it_may_is_refused(saved, monkeypatch):
    with np.load(saved) as file:
        np.savez_compressed(saved, **dict(file) | {"weights_0": np.zeros((1000, 1000), np.float32)})
    assert saved.stat().st_size < 20_000
    monkeypatch.setattr(weights_file, "LARGEST", 100_000)
    with pytest.raises(ValueError, match="its arrays have more than 100,000 bytes"):
        Network.load(saved)


def test_a_folder_and_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match="is a folder"):
        Network.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        Network.load(tmp_path / "none.npz")


def test_save_to_a_folder_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IsADirectoryError, match="that is a folder; name a file in it"):
        small().save(".")
    with pytest.raises(ValueError, match="path must be a path; it is empty"):
        small().save("")
    with pytest.raises(FileNotFoundError, match="there is no such folder to write into"):
        small().save("nowhere/weights.npz")
    assert list(tmp_path.iterdir()) == []


def test_threads_that_save_to_one_path_leave_one_whole_network(tmp_path):
    path, errors = tmp_path / "weights.npz", []
    networks = [small(seed) for seed in range(4)]

    def save(network):
        try:
            for _ in range(25):
                network.save(path)
                loaded = Network.load(path)
                assert any(same(loaded, other) for other in networks)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=save, args=(network,)) for network in networks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert os.listdir(tmp_path) == ["weights.npz"]


def test_save_refuses_what_could_not_be_loaded_again(tmp_path):
    class Other(Layer):
        def forward(self, inputs):
            return super().forward(inputs) / 2

    class Mine(CrossEntropy):
        pass

    network = small()
    network.layers[0].weights[0, 0] = np.nan
    with pytest.raises(ValueError, match="weights of layer 0 must be finite"):
        network.save(tmp_path / "a.npz")
    with pytest.raises(ValueError, match="layer 0, a Other, goes forward in its own way"):
        Network([Other(2, 1)]).save(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"only networks with a cost of .* this one's is Mine"):
        Network([Layer(2, 1)], Mine()).save(tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("half", [False, True])
def test_a_file_saved_before_there_was_a_count_of_layers_loads(saved, half):
    small().save(saved, half=half)
    with np.load(saved) as file:
        np.savez(saved, **{name: value for name, value in file.items() if name != "n_layers"})
    assert Network.load(saved).n_parameters == small().n_parameters


# The format


def arrays_of(path):
    with np.load(path) as file:
        return dict(file)


def test_the_format_has_its_number_and_another_is_not_read(saved):
    arrays = arrays_of(saved)
    assert arrays["format"] == 1
    for number in (0, 2):
        np.savez(saved, **arrays | {"format": number})
        with pytest.raises(ValueError, match=f"has format {number}; this version reads format 1"):
            Network.load(saved)


def test_a_file_without_a_layer_is_no_network(saved):
    np.savez(saved, format=1, cost="cross_entropy")
    with pytest.raises(ValueError, match="at least one Layer"):
        Network.load(saved)


@pytest.mark.parametrize(
    "changed",
    [
        {"weights_0": np.ones((2, 2, 2)), "biases_0": np.ones((2, 2))},
        {"weights_0": np.ones(2), "biases_0": np.array(1.0)},
        {"biases_0": np.ones(3, np.float32)},
        {"biases_0": np.ones(2, np.float64)},
    ],
)
def test_parameters_that_do_not_fit_each_other_are_refused(saved, changed):
    np.savez(saved, **arrays_of(saved) | changed)
    with pytest.raises(ValueError, match="weights and biases of layer 0 do not fit"):
        Network.load(saved)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_both_versions_of_numpys_header_are_read(saved, version):
    arrays = arrays_of(saved)
    with zipfile.ZipFile(saved, "w") as packed:
        for name, array in arrays.items():
            with packed.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array, version)
    assert same(Network.load(saved), small())


@pytest.mark.parametrize("array", ["weights", "biases"])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_too_large_for_half_precision_is_saved_whole_only(saved, array, sign):
    network = small()
    getattr(network.layers[1], array)[0] = sign * 65504
    network.save(saved, half=True)
    assert getattr(Network.load(saved).layers[1], array).ravel()[0] == sign * 65504
    getattr(network.layers[1], array)[0] = sign * 1e5
    with pytest.raises(ValueError, match="layer 1 has numbers too large for float16; save it with half=False"):
        network.save(saved, half=True)
    network.save(saved)
    assert same(Network.load(saved), network)


def test_layers_are_written_whole_unless_half_is_asked_for(saved):
    layers = small().layers
    weights_file.write_layers(saved, layers, "cross_entropy")
    assert {arrays_of(saved)[name].dtype for name in ("weights_0", "biases_1")} == {np.dtype(np.float32)}
    weights_file.write_layers(saved, layers, "cross_entropy", half=True)
    assert {arrays_of(saved)[name].dtype for name in ("weights_0", "biases_1")} == {np.dtype(np.float16)}

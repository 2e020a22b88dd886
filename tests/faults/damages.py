"""What may happen to the bytes of a file on disks, in transfers and in editors."""

import json

HEADER = 8  # bytes that say how long the header of a safetensors file is


def damaged(data, kind, rng):
    """A safetensors file that something has happened to.

    Parameters
    ----------
    data : bytes
    kind : str
        What, a key of `BYTES` (a disk, a transfer or a program has damaged them) or
        of `HEADERS` (somebody has edited the header).
    rng : numpy.random.Generator
        Where, and with what.

    Returns
    -------
    damaged : bytes
        Others than `data`, unless the kind is one of `HEADERS`.
    """
    if kind in HEADERS:
        return _edited(data, HEADERS[kind], rng)
    result = data
    while result == data:
        result = bytes(BYTES[kind](bytearray(data), rng))
    return result


def _edited(data, edit, rng):
    n = HEADER + int.from_bytes(data[:HEADER], "little")
    pairs = list(json.loads(data[HEADER:n]).items())
    text = edit(pairs, rng).encode()
    return len(text).to_bytes(HEADER, "little") + text + data[n:]


# -- bytes -------------------------------------------------------------------------


def _place(data, rng):
    """Somewhere in it; every other time near the beginning, where headers are."""
    return int(rng.integers(min(len(data), rng.choice([2_000, len(data)]))))


def _run(data, rng):
    start = _place(data, rng)
    return slice(start, min(start + int(rng.integers(1, 64)), len(data)))


def _flip(data, rng):
    for _ in range(rng.integers(1, 4)):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return data


def _overwrite(data, rng):
    where = _run(data, rng)
    data[where] = rng.bytes(where.stop - where.start)
    return data


def _blank(data, rng):
    where = _run(data, rng)
    data[where] = bytes(where.stop - where.start)
    return data


def _truncate(data, rng):
    return data[: _place(data, rng)]


def _append(data, rng):
    return data + rng.bytes(int(rng.integers(1, 64)))


def _append_itself(data, rng):
    return data + data


def _insert(data, rng):
    where = _place(data, rng)
    return data[:where] + rng.bytes(int(rng.integers(1, 16))) + data[where:]


def _delete(data, rng):
    del data[_run(data, rng)]
    return data


def _swap_bytes(data, rng):
    one, other = _place(data, rng), _place(data, rng)
    data[one], data[other] = data[other], data[one]
    return data


def _swap_blocks(data, rng):
    size = int(rng.integers(2, 64))
    one, other = sorted(rng.integers(len(data) - 2 * size, size=2))
    other += size
    block = data[one : one + size]
    data[one : one + size] = data[other : other + size]
    data[other : other + size] = block
    return data


def _change_a_digit(data, rng):
    digits = [i for i, byte in enumerate(data) if chr(byte) in "0123456789"]
    data[rng.choice(digits)] = ord(str(rng.integers(10)))
    return data


BYTES = {
    "bits flipped": _flip,
    "overwritten": _overwrite,
    "set to 0": _blank,
    "truncated": _truncate,
    "appended to": _append,
    "appended to itself": _append_itself,
    "inserted": _insert,
    "deleted": _delete,
    "bytes swapped": _swap_bytes,
    "blocks swapped": _swap_blocks,
    "digit changed": _change_a_digit,
}


# -- headers -----------------------------------------------------------------------


def _array(pairs, rng):
    """The position of an array among the entries."""
    return int(rng.choice([i for i, (name, _) in enumerate(pairs) if name[0] != "_"]))


def _written(pairs):
    return "{" + ",".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in pairs) + "}"


def _rename(pairs, rng):
    i = _array(pairs, rng)
    pairs[i] = pairs[i][0] + "x", pairs[i][1]
    return _written(pairs)


def _exchange_names(pairs, rng):
    i, j = _array(pairs, rng), _array(pairs, rng)
    pairs[i], pairs[j] = (pairs[i][0], pairs[j][1]), (pairs[j][0], pairs[i][1])
    return _written(pairs)


def _duplicate(pairs, rng):
    i, j = _array(pairs, rng), _array(pairs, rng)
    return _written([*pairs, (pairs[i][0], pairs[j][1])])


def _remove(pairs, rng):
    del pairs[_array(pairs, rng)]
    return _written(pairs)


def _reshape(pairs, rng):
    entry = pairs[_array(pairs, rng)][1]
    entry["shape"] = entry["shape"][::-1]
    return _written(pairs)


def _change_type(pairs, rng):
    entry = pairs[_array(pairs, rng)][1]
    entry["dtype"] = {"F32": "I32", "F64": "I64", "I64": "U64"}.get(
        entry["dtype"], "U8"
    )
    return _written(pairs)


def _misspell(pairs, rng):
    metadata = dict(pairs)["__metadata__"]
    key = str(rng.choice(sorted(metadata)))
    i = int(rng.integers(len(metadata[key])))
    letter = str(rng.choice([one for one in "abcxyz_0179 " if one != metadata[key][i]]))
    metadata[key] = metadata[key][:i] + letter + metadata[key][i + 1 :]
    return _written(pairs)


def _lose_metadata(pairs, rng):
    metadata = dict(pairs)["__metadata__"]
    del metadata[str(rng.choice(sorted(metadata)))]
    return _written(pairs)


def _add_metadata(pairs, rng):
    dict(pairs)["__metadata__"]["comment"] = "mine"
    return _written(pairs)


def _reorder(pairs, rng):
    return _written([pairs[i] for i in rng.permutation(len(pairs))])


def _pad(pairs, rng):
    return _written(pairs) + " " * 8 * int(rng.integers(1, 9))


HEADERS = {
    "array renamed": _rename,
    "names exchanged": _exchange_names,
    "array duplicated": _duplicate,
    "array removed": _remove,
    "array reshaped": _reshape,
    "type changed": _change_type,
    "metadata misspelt": _misspell,
    "metadata lost": _lose_metadata,
    "comment added": _add_metadata,
    "entries reordered": _reorder,
    "blanks added": _pad,
}

"""Images as other machines would have written them: what is in them is changed, and all digests made right again.

After docs/IMAGE.md and Sources/CImage/ckpt_image.h.
"""

import ctypes
import struct

PAGE = 4096
MACHINE, REGIONS, RUNS, EXTENTS = 0x10003, 0x10008, 0x10009, 0x1000b
HERE, FILE = 1, 4
ANONYMOUS, VDSO, VVAR = 1, 5, 6

# In ckpt_machine: eight words from CPUID.
FEATURES = struct.Struct("<8I")
FEATURES_AT = 32
VDSO_DIGEST_AT = 96


def digest(data):
    """XXH3, 64 bits, seed 0."""
    try:
        library = ctypes.CDLL("libxxhash.so.0")
    except OSError:
        import pytest
        pytest.skip("libxxhash is not installed")
    library.XXH3_64bits.restype = ctypes.c_uint64
    data = bytes(data)
    return library.XXH3_64bits(data, ctypes.c_size_t(len(data)))


def tables(data):
    """By type of note: where its entries begin, how long one is, how many there are; what of them is in `data`."""
    programs, = struct.unpack_from("<Q", data, 32)
    count, = struct.unpack_from("<H", data, 56)
    found = {}
    for number in range(count):
        kind, _, at, _, _, size = struct.unpack_from("<IIQQQQ", data, programs + number * 56)
        end = min(at + size, len(data))
        while kind == 4 and at + 12 <= end:
            name, length, note = struct.unpack_from("<III", data, at)
            body = at + 12 + (name + 3) // 4 * 4
            if data[at + 12:at + 16] == b"CKPT" and body + 16 <= end:
                _, entry, entries = struct.unpack_from("<IIQ", data, body)
                found[note] = (body + 16, entry, entries)
            at = body + (length + 3) // 4 * 4
    return found


def demand_everything(data):
    """Makes it an image of a processor that has all there is: which this one has not."""
    at = tables(data)[MACHINE][0] + FEATURES_AT
    FEATURES.pack_into(data, at, *[0xFFFFFFFF] * 8)


class Image:
    def __init__(self, data):
        self.data = bytearray(data)
        self.tables = tables(self.data)
        sections, = struct.unpack_from("<Q", self.data, 40)
        self.digests, = struct.unpack_from("<Q", self.data, sections + 64 + 24)

    def records(self, kind, form):
        """The first fields of each entry."""
        start, entry, count = self.tables.get(kind, (0, 0, 0))
        return [struct.unpack_from(form, self.data, start + n * entry) for n in range(count)]

    def pieces(self):
        """Where each piece lies, None for one in another file, and how long it is."""
        stretches = [(size, at if kind == HERE else None) for _, size, at, kind in self.records(RUNS, "<QQQI") if kind in (HERE, FILE)]
        stretches += [(size, at) for _, size, at in self.records(EXTENTS, "<QQQ")]
        for size, at in stretches:
            for offset in range(0, size, PAGE):
                yield (None if at is None else at + offset), min(PAGE, size - offset)

    def seal(self):
        """Makes all digests right, and gives the image."""
        data, at = self.data, self.digests
        head_bytes, _, _, count = struct.unpack_from("<4Q", data, at + 24)
        blocks = (count + 4095) // 4096
        first = at + 64 + 8 * blocks
        for number, (place, size) in enumerate(self.pieces()):
            if place is not None:
                struct.pack_into("<Q", data, first + 8 * number, digest(data[place:place + size]))
        for number in range(blocks):
            block = data[first + 8 * 4096 * number:first + 8 * min(4096 * (number + 1), count)]
            struct.pack_into("<Q", data, at + 64 + 8 * number, digest(block))
        struct.pack_into("<Q", data, at + 32, digest(data[:head_bytes]))
        struct.pack_into("<Q", data, at + 56, 0)
        struct.pack_into("<Q", data, at + 56, digest(data[at:first]))
        return bytes(data)

    def vdso(self):
        """Where in the file the saved vdso lies, in one piece."""
        regions = self.records(REGIONS, "<QQQQQI")
        runs = [(at, size, place) for at, size, place, kind in self.records(RUNS, "<QQQI") if kind == HERE
                and any(region[5] == VDSO and region[0] <= at < region[1] for region in regions)]
        assert runs and all(a[0] + a[1] == b[0] and a[2] + a[1] == b[2] for a, b in zip(runs, runs[1:]))
        return runs[0][2], sum(run[1] for run in runs)

    def replace_vdso(self):
        """Another kernel's: functions of the same names, of which nothing can be run here."""
        start, size = self.vdso()
        code = self.data[start:start + size]
        functions = vdso_functions(code)
        for place, length in functions:
            self.data[start + place:start + place + length] = b"\xcc" * length   # int3
        struct.pack_into("<Q", self.data, self.tables[MACHINE][0] + VDSO_DIGEST_AT,
                         digest(self.data[start:start + size]))
        return len(functions)

    def remove_vvar(self):
        """Of the pages beside the vdso, those that come first: another kernel has its data in others."""
        start, entry, _ = self.tables[REGIONS]
        index = [region[5] for region in self.records(REGIONS, "<QQQQQI")].index(VVAR)
        struct.pack_into("<I", self.data, start + index * entry + 40, ANONYMOUS)


def vdso_functions(code):
    """Places and lengths of all functions in the dynamic symbol table of a vdso."""
    sections, = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    found = set()
    for number in range(count):
        kind, _, _, at, length = struct.unpack_from("<IQQQQ", code, sections + number * size + 4)
        if kind == 11:   # SHT_DYNSYM
            for symbol in range(at, at + length, 24):
                _, info, _, section, value, extent = struct.unpack_from("<IBBHQQ", code, symbol)
                if info & 15 == 2 and section:
                    found.add((value, extent))
    return sorted(found)

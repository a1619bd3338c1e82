"""Memory while a layer is followed: objects of bytes, read and written in cells of whole values."""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from fpgaprune.errors import UnsupportedError
from fpgaprune.synth.open.front.intervals import Number, Value
from fpgaprune.synth.open.front.values import Builder
from fpgaprune.synth.open.front.words import UNDEFINED, Block, Cell, Choice, Pointer, Undefined, Word, moved, select

_MOST_CHOICES: Final = 256


Key: TypeAlias = tuple[Block, int]
Change: TypeAlias = dict[Key, Cell | None]


class Memory:
    """All blocks; what is written between `begin` and `end` can be taken back and merged with another course."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self._serial = 0
        self._journals: list[tuple[int, Change]] = []

    def block(self, name: str, *, zeroed: bool = False) -> Block:
        """A new block."""
        self._serial += 1
        return Block(self._serial, name, zeroed=zeroed)

    def begin(self) -> None:
        """Start to keep what is overwritten."""
        self._journals.append((self._serial, {}))

    def end(self) -> Change:
        """Undo all since `begin`; what the cells were then."""
        serial, old = self._journals.pop()
        new: Change = {}
        for key, cell in old.items():
            block, offset = key
            if block.serial <= serial:
                new[key] = block.cells.get(offset)
            _put(block, offset, cell)
        return new

    def merged(self, condition: Value, one: Mapping[Key, Cell | None], other: Mapping[Key, Cell | None]) -> Change:
        """What either of two courses, both taken back, leaves behind: the first where the condition is 1."""
        found: Change = {}
        for key in {**one, **other}:
            block, offset = key
            old = block.cells.get(offset)
            found[key] = self._merged(condition, one.get(key, old), other.get(key, old), block)
        return found

    def _merged(self, condition: Value, a: Cell | None, b: Cell | None, block: Block) -> Cell | None:
        if a is None or b is None:
            if block.zeroed:
                size = (a or b or (1, 0))[0]
                a, b = a or (size, 0), b or (size, 0)
            else:
                return a or b
        if a[0] != b[0]:
            message = f"{block.name} is written in pieces of {a[0]} and {b[0]} bytes, depending on the data"
            raise UnsupportedError(message)
        return a[0], select(self.builder, condition, a[1], b[1])

    def put(self, block: Block, offset: int, cell: Cell | None) -> None:
        """Set or remove one cell."""
        if self._journals:
            _, change = self._journals[-1]
            key = (block, offset)
            if key not in change:
                change[key] = block.cells.get(offset)
        _put(block, offset, cell)

    def write(self, address: Word, size: int, value: Word) -> None:
        """Store a value of `size` bytes."""
        if isinstance(address, Choice):
            for pointer, chosen in ((address.one, True), (address.other, False)):
                old = self.read(pointer, size, size * 8)
                new = (value, old) if chosen else (old, value)
                self.write(pointer, size, select(self.builder, address.condition, *new))
            return
        if not isinstance(address, Pointer):
            message = "the compiled C++ writes where no variable is"
            raise UnsupportedError(message)
        if address.index is not None:
            self._write_indexed(address, address.index, size, value)
            return
        block, offset = address.block, address.offset
        found = block.cells.get(offset)
        if block.cells and (found is None or found[0] != size):
            self._make_room(block, offset, size)
        self.put(block, offset, (size, value))

    def _write_indexed(self, address: Pointer, index: Value, size: int, value: Word) -> None:
        for place, pointer in self._choices(address, index):
            chosen = self.builder.compare_equal(index, place)
            old = self.read(pointer, size, size * 8)
            self.write(pointer, size, select(self.builder, chosen, value, old))

    def _choices(self, address: Pointer, index: Value) -> Iterator[tuple[int, Pointer]]:
        if index.high - index.low >= _MOST_CHOICES:
            message = f"{address.block.name} is indexed by data over {index.high - index.low + 1} places"
            raise UnsupportedError(message)
        for place in range(index.low, index.high + 1):
            yield place, Pointer(address.block, address.offset + place * address.scale)

    def _make_room(self, block: Block, offset: int, size: int) -> None:
        """Cut cells that lie across the edges of `offset` to `offset + size`, and remove those within."""
        for start in range(offset - 15, offset + size):
            cell = block.cells.get(start)
            if cell is None or start + cell[0] <= offset:
                continue
            self.put(block, start, None)
            for byte in range(start, start + cell[0]):
                if not offset <= byte < offset + size:
                    self.put(block, byte, (1, self._byte(cell, byte - start)))

    def _byte(self, cell: Cell, place: int) -> Word:
        size, value = cell
        if size == 1 or isinstance(value, Undefined):
            return value
        if isinstance(value, (int, Value)):
            return self.builder.cast(self.builder.shift_right(value, 8 * place), 8, signed=False)
        message = "a pointer or fraction is taken apart byte by byte"
        raise UnsupportedError(message)

    def read(self, address: Word, size: int, width: int) -> Word:
        """Load a value of `size` bytes and `width` bits."""
        if isinstance(address, Pointer):
            if address.index is not None:
                return self._read_indexed(address, address.index, size, width)
            cell = address.block.cells.get(address.offset)
            if cell is not None and cell[0] == size:
                return cell[1]
            return self._assembled(address.block, address.offset, size)
        if isinstance(address, Choice):
            one, other = (self.read(part, size, width) for part in (address.one, address.other))
            return select(self.builder, address.condition, one, other)
        message = "the compiled C++ reads where no variable is"
        raise UnsupportedError(message)

    def _assembled(self, block: Block, offset: int, size: int) -> Word:
        total: Number = 0
        defined = block.zeroed
        byte = 0
        while byte < size:
            found = self._cell_at(block, offset + byte)
            if found is None:
                byte += 1
                continue
            start, cell = found
            value: Word = cell[1]
            whole = start == offset + byte and cell[0] <= size - byte
            taken = cell[0] if whole else 1
            if not whole:
                value = self._byte(cell, offset + byte - start)
            if isinstance(value, (int, Value)):
                defined = True
                part = self.builder.cast(value, 8 * taken, signed=False)
                total = self.builder.add(total, self.builder.shift_left(part, 8 * byte))
            elif not isinstance(value, Undefined):
                message = f"{block.name} is read across a pointer or fraction"
                raise UnsupportedError(message)
            byte += taken
        return self.builder.cast(total, 8 * size, signed=True) if defined else UNDEFINED

    @staticmethod
    def _cell_at(block: Block, byte: int) -> tuple[int, Cell] | None:
        for start in range(byte, byte - 16, -1):
            cell = block.cells.get(start)
            if cell is not None:
                return (start, cell) if start + cell[0] > byte else None
        return None

    def _read_indexed(self, address: Pointer, index: Value, size: int, width: int) -> Word:
        block, low = address.block, index.low
        places = [address.offset + place * address.scale for place in range(low, index.high + 1)]
        cells = [self.read(Pointer(block, place), size, width) for place in places]
        if all(isinstance(cell, int) for cell in cells):
            shifted = self.builder.subtract(index, low)
            return self.builder.lookup([cell for cell in cells if isinstance(cell, int)], shifted)
        if len(cells) > _MOST_CHOICES:
            message = f"{block.name} is indexed by data over {len(cells)} places"
            raise UnsupportedError(message)
        found = cells[-1]
        for place, cell in enumerate(cells[:-1]):
            found = select(self.builder, self.builder.compare_equal(index, low + place), cell, found)
        return found

    def copy(self, target: Word, source: Word, size: int) -> None:
        """Copy `size` bytes."""
        if isinstance(source, Choice) or isinstance(target, Choice) or _is_indexed(source) or _is_indexed(target):
            for offset, length in self._layout(source, size):
                self.write(moved(target, offset), length, self.read(moved(source, offset), length, 8 * length))
            return
        if not isinstance(source, Pointer) or not isinstance(target, Pointer):
            message = "the compiled C++ copies from or to where no variable is"
            raise UnsupportedError(message)
        cell = source.block.cells.get(source.offset)
        if cell is not None and cell[0] == size:
            self.write(target, size, cell[1])
            return
        cells = [
            (start - source.offset, cell)
            for start in range(source.offset, source.offset + size)
            if (cell := source.block.cells.get(start)) is not None
        ]
        if not cells and source.block.zeroed:
            self.fill(target, size, 0)
        before = self._cell_at(source.block, source.offset)
        if (before is not None and before[0] < source.offset) or any(start + cell[0] > size for start, cell in cells):
            for offset in range(size):  # parts of larger cells
                byte = self.read(Pointer(source.block, source.offset + offset), 1, 8)
                self.write(Pointer(target.block, target.offset + offset), 1, byte)
            return
        for offset, (length, value) in cells:
            self.write(Pointer(target.block, target.offset + offset), length, value)

    def _layout(self, source: Word, size: int) -> list[tuple[int, int]]:
        """The cells of what a pointer may point to."""
        while isinstance(source, Choice):
            source = source.one
        if isinstance(source, Pointer):
            start = source.offset + (source.index.low * source.scale if source.index is not None else 0)
            found = [
                (place - start, cell[0])
                for place in range(start, start + size)
                if (cell := source.block.cells.get(place)) is not None
            ]
            if found:
                return found
        return [(0, size)]

    def fill(self, target: Word, size: int, byte: int) -> None:
        """Set `size` bytes."""
        if not isinstance(target, Pointer) or target.index is not None:
            message = "the compiled C++ fills where no variable is"
            raise UnsupportedError(message)
        for offset in range(size):
            self.write(Pointer(target.block, target.offset + offset), 1, byte)


def _put(block: Block, offset: int, cell: Cell | None) -> None:
    if cell is None:
        block.cells.pop(offset, None)
    else:
        block.cells[offset] = cell


def _is_indexed(address: Word) -> bool:
    return isinstance(address, Pointer) and address.index is not None
